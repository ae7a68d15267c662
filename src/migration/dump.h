// SPDX-License-Identifier: Apache-2.0
//
// CRIU's dump of a workload, held at its gates: started before the freeze, run within it, and kept at post-dump until it is known
// who may live. Leaving the scope releases the tasks, unless they were killed or abandoned (in doubt: CRIU ends, the frozen tasks
// stay frozen).
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/error.h"
#include "criu/image_set.h"
#include "criu/session.h"
#include "kernel/freezer.h"
#include "kernel/ready_breakpoints.h"
#include "process/pinned.h"
#include "process/socket_settings.h"
#include "runtime/workload.h"

namespace ferry::migration {

struct StateOptions {
  bool shell_job = false;  // the root's session leader is outside the tree
  bool tcp_close = false;  // open connections are to end
};

// A dump that failed for a reason of the moment, as a connection that waits to be accepted: a little later it may succeed.
class TransientFailure : public base::Error {
 public:
  using Error::Error;
};

class HeldDump {
 public:
  // CRIU has read its options and probed the kernel, and waits at pre-dump. Throws Error.
  // `hides_memory`: hidden_file() will be there before run().
  HeldDump(const runtime::Workload& workload, const StateOptions& options, const criu::ImageSet& images,
           const std::string& job, const kernel::Freezer& freezer, bool hides_memory);

  HeldDump(const HeldDump&) = delete;
  HeldDump& operator=(const HeldDump&) = delete;
  ~HeldDump() {
    if (!abandoned_) release();
  }

  // Dumps; afterwards CRIU holds the tasks at post-dump. On an Error it has let go of them.
  void run(uint64_t memory_bytes);
  // After run(), once the workload's cgroup is frozen: throws Error when CRIU has ended before that. Then the tasks have run on,
  // and neither the dump nor the pages that were read since are of one moment.
  void require_held();
  // CRIU takes its sockets out of repair mode and lets the tasks go. Never throws: what follows must happen.
  void release() noexcept { end(false); }
  // For tasks that have been sent SIGKILL: CRIU lets them die, as `thaw` lets them.
  void kill(const std::function<void()>& thaw) noexcept { end(true, thaw); }
  // Which memory CRIU is not to see (criu/hidden_memory.h).
  base::Path hidden_file() const { return images_.directory() / "hidden-memory"; }
  // After run(): which of the threads may not run everywhere.
  const std::vector<process::Pinned>& pinned() const { return pinned_; }
  // And what CRIU does not know of its sockets.
  const std::vector<process::SocketSettings>& sockets() const { return sockets_; }
  kernel::ProcessId criu() const { return criu_->process(); }
  // From here on only release() and kill() do anything to the tasks.
  void abandon() { abandoned_ = true; }

 private:
  criu::Session start_inside(std::vector<std::string> environment) const;
  void end(bool killed, const std::function<void()>& thaw = {}) noexcept;
  [[noreturn]] void fail(const criu::Event& event);
  [[noreturn]] void fail(const criu::Diagnosis& found);  // CRIU has gone
  pid_t task_of(pid_t inner);

  std::string name_, job_;
  pid_t root_;
  std::vector<process::Pinned> pinned_;
  std::optional<process::SocketSurvey> survey_;
  std::vector<process::SocketSettings> sockets_;
  std::map<pid_t, pid_t> pids_;  // of its tasks: as they call themselves → as we call them
  const criu::ImageSet& images_;
  kernel::ReadyBreakpoints breakpoints_;
  std::optional<criu::Session> criu_;
  bool abandoned_ = false;
};

// A dump or a restore takes about a second per GiB where memory is slow; ten times that is a hang.
base::milliseconds state_limit(uint64_t memory_bytes);

}  // namespace ferry::migration
