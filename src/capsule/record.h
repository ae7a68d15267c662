// SPDX-License-Identifier: Apache-2.0
//
// What a host remembers of each workload that ferry started, received or sent away: one directory per name,
//
//     /var/lib/ferry/workloads/NAME/record.json    this record, replaced atomically
//     /var/lib/ferry/workloads/NAME/exit_status    written by the capsule's init when its workload has ended
//     /var/lib/ferry/workloads/NAME/log            stdout and stderr; moves along
//
// Whether a workload runs is asked of the kernel (the capsule's init), never of the record.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "kernel/procfs.h"

namespace ferry::capsule {

struct Record {
  std::string name;
  std::string command;             // as people read it
  int64_t created_ns = 0;          // CLOCK_REALTIME, here
  std::string came_from;           // host that a move brought it from; empty: started here
  kernel::ProcessId init;          // the capsule's pid 1, as this host sees it
  pid_t root_pid = 0;              // the workload's root, as the capsule sees it
  std::string ip, mac;             // "10.77.0.9/24,fd00:77::9/64"; empty: the host's own network
  std::string gateway;             // of each family one at most
  std::string service;             // of the host's own network: an address of the host that moves with it; empty: none
  std::string moved_to;            // empty: it is (or was, until its end) here
  int64_t moved_at_ns = 0;
  std::vector<std::string> left_files;  // moved away: the files it had open for writing, now stale here
  std::optional<int> exit_status;  // exit code, 128 + signal; empty: not ended, or not by itself
};

// Throws Error (usage) for what cannot be a workload's name: it must not look like a pid or a path.
void check_name(const std::string& name);
bool is_name(const std::string& name);

base::Path directory_of(const std::string& name);
base::Path log_of(const std::string& name);

// As record.json holds it. from_text throws Error.
std::string to_text(const Record& record);
Record from_text(const std::string& text);

std::optional<Record> find_record(const std::string& name);
std::vector<Record> all_records();  // by name
// All but exit_status.
void save_record(const Record& record, base::Durable durable = base::Durable::kYes);
void save_exit_status(const std::string& name, int status);
void forget_exit_status(const std::string& name);
void remove_record(const std::string& name);

// The capsule's init lives and it was not sent away.
bool is_running(const Record& record);
// The root task of a running workload as this host sees it.
std::optional<pid_t> host_root_pid(const Record& record);

// Held while something changes a workload (run, move, receive, stop, resolve): a second one is refused, naming the first.
class Lock {
 public:
  static Lock take(const std::string& what, const std::string& purpose, const std::string& job = {});
  static std::optional<Lock> try_take(const std::string& what, const std::string& purpose, const std::string& job = {});

  struct Holder {
    std::string purpose;  // "move"
    std::string job;      // of a move; may be empty
    kernel::ProcessId process;
  };
  static std::optional<Holder> find_holder(const std::string& what);

 private:
  Lock(base::Fd fd, const std::string& purpose, const std::string& job);
  base::Fd fd_;  // flock; ends with the process, whatever happens to it
};

}  // namespace ferry::capsule
