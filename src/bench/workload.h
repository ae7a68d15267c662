// SPDX-License-Identifier: Apache-2.0
//
// A program that is moved in an experiment: what it takes to run it, which load it stands, and how
// it shows afterwards that nothing of it was lost. How it is run and moved is the way's business
// (way.h), so the same workload goes by all of them. An object is one running of it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/hosts.h"
#include "load/result.h"

namespace ferry::bench {

struct WorkloadSpec {
  std::string kind = "web_counter";
  uint64_t memory_bytes = 0;  // that it shall have besides its own; 0: the kind's default
  std::optional<uint64_t> dirty_bytes_per_second;  // that it shall write; none: the kind's default
  base::Path web_counter;                          // instead of the one that comes with ferry
};

// What a scenario may say of a kind.
struct WorkloadKind {
  std::string_view name;
  bool has_memory = false, has_dirty_rate = false;  // dials
  bool serves = true;                               // clients, behind an address of its own
};
const std::vector<WorkloadKind>& workload_kinds();
const WorkloadKind* find_kind(std::string_view name);

// The load that a workload stands: a URL for `ferry load-test`, or pgbench.
struct LoadTarget {
  enum class Tool { kLoadTest, kPgbench };
  Tool tool = Tool::kLoadTest;
  std::string url;       // or pgbench's command line up to the load
  bool counter = false;  // answers are a counter's next number each
};

struct StateCheck {
  std::vector<std::string> words;        // how it was checked
  std::vector<std::string> differences;  // none: it is intact
};

// A workload that runs, as whoever runs it shows it.
class Running {
 public:
  virtual ~Running() = default;
  virtual std::string output() const = 0;  // all that it has printed
};

class Workload {
 public:
  virtual ~Workload() = default;

  // Puts what it needs on a host before it starts or arrives there.
  virtual void install(const std::string& host) const = 0;
  virtual base::Argv command() const = 0;
  virtual bool serves() const { return true; }
  virtual int port() const { return 0; }  // on which it serves

  // Once it has been started: waits until it answers, fills it, and notes its state.
  virtual void begin(const Running& running) = 0;
  virtual std::optional<LoadTarget> load_target() const { return std::nullopt; }
  // After each move, once it is calm again: the time that it lost by it, if it knows.
  virtual std::optional<double> time_lost_ms(const Running&) { return std::nullopt; }
  // After the moves and the load. A workload that no longer answers is a difference.
  virtual StateCheck check(const Running& running, const load::Result* load) = 0;
};

// Throws Error (refused) when what it is made of is missing.
std::unique_ptr<Workload> make_workload(const WorkloadSpec& spec, const Hosts& hosts);

// A program that came with ferry: beside it, or in the source tree. Throws Error (refused).
base::Path find_program(std::string_view file);
// Puts it below kInHost, unless it is there already.
void install_program(const Hosts& hosts, const std::string& host, const base::Path& program);
inline const base::Path kInHost =
    "/var/lib/ferry-bench";  // each virtual host has a /var of its own

}  // namespace ferry::bench
