// SPDX-License-Identifier: Apache-2.0
//
// Who has forked: records of perf events (perf_event_open(2), attr.task), of every CPU. A child that has come and gone between two looks at
// a tree of processes is told by nothing else. Needs CAP_PERFMON or perf_event_paranoid 0; the records of a host that forks a thousand times a second
// fill its buffers in about a second.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "base/fd.h"
#include "kernel/affinity.h"

namespace ferry::kernel {

class ForkWatch {
 public:
  // Nothing: not here. May take 15 ms (see ReadyBreakpoints).
  static std::optional<ForkWatch> try_open();
  ForkWatch(ForkWatch&&) = default;
  ForkWatch& operator=(ForkWatch&&) = default;

  // The processes (in our pid namespace) that have made another process, by fork, vfork or clone without CLONE_THREAD, since the last call or since this
  // object is there: all whose call has returned or whose child has run. Nothing: it is not known, since there were too many or another CPU has come.
  std::optional<std::set<pid_t>> take();

 private:
  struct Unmapper {
    void operator()(void* ring) const;
  };
  struct Cpu {
    base::Fd event;
    std::unique_ptr<void, Unmapper> ring;
  };
  ForkWatch() = default;
  static bool take_from(void* ring, std::set<pid_t>& parents);  // false: some were lost

  CpuSet online_;
  std::vector<Cpu> cpus_;
};

}  // namespace ferry::kernel
