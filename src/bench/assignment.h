// SPDX-License-Identifier: Apache-2.0
//
// `ferry bench assignment`: the recipe that this began with, typed as it was (docker's checkpoint, scp, docker's start; CRIU's
// dump, scp, restore), beside ferry's one command for the same; the same workloads, the same load, the same run; between like hosts
// and between unlike ones, there and back. Its rows are what docs/compatibility.md says.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "bench/way.h"
#include "report/report.h"

namespace ferry::bench {

struct AssignmentOptions {
  int repeat = 1;
  std::vector<std::string> pairs;      // labels of host_pairs(); empty: all
  std::vector<std::string> workloads;  // empty: looper and web_counter
  std::vector<base::Path> layers;      // of all hosts; empty: the one beside ferry
  base::Path output;                   // report or x.json; empty: none
  base::Path compatibility;            // where the table goes, as Markdown; empty: nowhere
  bool json = false;
  report::Language language{};
  std::string command;
  int wake_fd = -1;
};

// What a host is made of.
struct HostKind {
  std::string words;       // "Debian 12, docker 20.10"
  base::Path layer, criu;  // empty criu: none
};
struct HostPair {
  std::string label;       // as typed
  HostKind source, target;
  bool processes = true;   // bare processes are moved between them, too, not only containers
};
// Those that can be made of what is beside ferry; what is missing is said in `notes`.
std::vector<HostPair> host_pairs(const base::Path& beside, std::vector<std::string>& notes);

base::Exit assignment(const AssignmentOptions& options);

}  // namespace ferry::bench
