// SPDX-License-Identifier: Apache-2.0
//
// Keeps CRIU from waiting for the kernel's walk through all page tables (criu/prepared_smaps.h). Where the kernel tells the flags of memory by
// themselves, they are read when the tasks are frozen, and that is all. Else smaps is read while the workload runs,
// put beside the maps of the frozen one for CRIU, and compared with the kernel's own word before the move is committed, while the
// target restores. A difference (an mlock or madvise in between, which maps do not show) means: dump once more.
#pragma once

#include <sys/types.h>

#include <future>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kernel/vma_flags.h"

namespace ferry::migration {

class EarlySmaps {
 public:
  // Finds out whether the kernel tells the flags by themselves: some 20 ms. Without this it is taken not to.
  void probe();
  // Of every process of the workload, running, where what is known does not fit its maps any more. Calls that map memory wait for it,
  // 15 ms per GiB, so it is not done more often than it must.
  void read_if_changed(const std::vector<pid_t>& pids);
  // For CRIU, of a frozen one: prepared, or else the kernel's own.
  enum class Trust { kNo, kYes };
  std::string text_of(pid_t pid, Trust trust);
  // Of the frozen tasks, in the background: what was prepared was true.
  void begin_check();
  [[nodiscard]] bool holds();               // waits for it
  [[nodiscard]] bool is_known_to_differ();  // does not wait
  void forget();                            // all that was read

 private:
  std::optional<std::string> try_prepare(pid_t pid) const;
  std::optional<std::string> try_exactly(pid_t pid) const;

  std::optional<kernel::VmaFlagsReader> flags_;
  std::map<pid_t, std::string> early_, given_;
  std::shared_future<bool> check_;
};

}  // namespace ferry::migration
