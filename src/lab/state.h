// SPDX-License-Identifier: Apache-2.0
//
// What is known of a lab from outside: one JSON file per lab in /run/ferry-lab, written by its supervisor and removed
// by it. A file whose supervisor is dead tells the next command what to clean up, and nothing else is ever touched.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "kernel/procfs.h"

namespace ferry::lab {

inline constexpr const char* kStateDirectory = "/run/ferry-lab";

struct HostState {
  std::string name, address;
  kernel::ProcessId init;             // as the machine sees it
  std::vector<base::Path> cgroups;    // its own, one per hierarchy
};

struct LabState {
  std::string name, id;               // the id is unlike any other lab's, dead or alive
  std::string boot_id;
  kernel::ProcessId supervisor;
  int64_t since_real_ns = 0;
  uint64_t rate_bytes_per_second = 0;
  int64_t delay_ns = 0;
  std::vector<HostState> hosts;
};

std::string this_boot();
std::string cgroup_name(const std::string& id, const std::string& host);
bool is_up(const LabState& lab);
std::string to_json(const LabState& lab);

// Held while labs are started or swept: a lab that is half made looks like a dead one.
class StateLock {
 public:
  StateLock();
  ~StateLock();
  // A forked child has the lock too, until both have let go: ours by dying at the latest.
  int fd() const { return file_.get(); }
  void let_go_in_child() { file_.reset(); }

 private:
  base::Fd file_;
};

void save_lab(const LabState& lab);
void forget_lab(const std::string& name);
std::vector<LabState> all_labs();                            // dead ones included
std::optional<LabState> find_lab(const std::string& name);   // only one that is up
// Throws Error when there is none of that name. An empty name: FERRY_LAB's, or "default".
LabState lab_named(const std::string& name);
const HostState& host_named(const LabState& lab, const std::string& host);

// With the lock held: removes what dead labs left.
void sweep_dead_labs();
// Thaws and removes the cgroups of a lab's hosts; false when something is still in them after `limit_ms`.
bool remove_cgroups(const LabState& lab, int limit_ms);

}  // namespace ferry::lab
