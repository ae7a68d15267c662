// SPDX-License-Identifier: Apache-2.0
//
// What `ferry move --all` finds on this host, and whether each can move.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "migration/check.h"

namespace ferry::cli {

struct Candidate {
  std::string name;   // as `ferry move` takes it: "web", "docker:web"
  std::string about;  // the command, or the image, on one line
  migration::CheckReport check = {};

  bool can_move() const { return check.can_move(); }
};
using Candidates = std::vector<Candidate>;

// By name. `engine` ("docker"): its containers alone; empty: those of every engine that is here,
// and the workloads of `ferry run`. An engine that is here and cannot be asked is a notice, unless
// it is the one that was named: Error (refused). `engine_root`: of that one (runtime::Oci).
Candidates find_candidates(const std::string& engine, const std::string& engine_root,
                           const std::function<void(const std::string& text)>& notice);

// As `ferry check` does; a workload that cannot even be looked at is one that cannot move. Throws
// Error when the target cannot be asked, or at Ctrl-C.
migration::CheckReport check_candidate(const migration::MoveOptions& options,
                                       const migration::Observer& observer);

// For people: a line for each, with the first reason of those that cannot move.
std::string table_of(const Candidates& candidates);

}  // namespace ferry::cli
