// SPDX-License-Identifier: Apache-2.0
//
// Memory that tasks share, on its way to the target while the workload runs. CRIU finds it empty in
// its dump. What has changed by the freeze is found by reading all of it once more, by several
// threads and while CRIU dumps: the kernel does not tell who wrote what by which of its mappings.
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <map>
#include <span>
#include <vector>

#include "criu/hidden_memory.h"
#include "memory/shared_memory.h"
#include "memory/shared_pages.h"
#include "migration/conversation.h"
#include "transport/pace.h"

namespace ferry::migration {

class SharedCopy {
 public:
  // `bandwidth`: bytes per second while the workload runs; 0: as fast as it goes.
  SharedCopy(Conversation& talk, uint64_t bandwidth) : talk_(talk), pace_(bandwidth) {}

  // The workload runs. What of it the target does not have yet. `meanwhile` may throw to end it.
  void send_new(const std::vector<pid_t>& pids, const std::function<void()>& meanwhile);
  uint64_t bytes() const { return bytes_; }  // that there were, when it was last looked at

  // It stands still: begins to look at what is known of it. Those are what CRIU is to find empty; what has come into being since
  // is left to it.
  [[nodiscard]] std::vector<criu::hidden::File> look_for_the_last_time(const std::vector<pid_t>& pids);
  // What that has found. Nothing when there was no last look.
  void send_last(const std::function<void(uint64_t bytes)>& sent);
  // Of those.
  std::vector<uint64_t> inodes() const;

 private:
  struct Change {
    uint64_t page;
    memory::SharedPages::Hash hash;
  };
  struct LastLook {
    memory::SharedMemory memory;
    std::vector<std::vector<Change>> changes;  // by part
  };
  struct Part {
    size_t look, number;
  };
  void look_at_parts();
  void send_changes(const LastLook& look, const std::function<void(uint64_t bytes)>& sent);

  Conversation& talk_;
  transport::Pace pace_;
  std::map<uint64_t, memory::SharedPages> known_;  // by inode
  uint64_t bytes_ = 0;
  std::vector<LastLook> last_;
  std::vector<Part> parts_;
  std::atomic<size_t> next_part_ = 0;
  std::vector<std::future<void>> workers_;  // use all of the above: last, so that they end first
};

}  // namespace ferry::migration
