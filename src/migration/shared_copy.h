// SPDX-License-Identifier: Apache-2.0
//
// Memory that tasks share, on its way to the target while the workload runs. CRIU finds it empty in
// its dump. What has changed by the freeze is found by reading what may have been written since (memory/shared_writes.h), or all of it
// where that cannot be told, by several threads and while CRIU dumps.
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
#include "memory/shared_writes.h"
#include "migration/conversation.h"
#include "transport/pace.h"

namespace ferry::migration {

class SharedCopy {
 public:
  // `bandwidth`: bytes per second while the workload runs; 0: as fast as it goes.
  SharedCopy(Conversation& talk, memory::SharedWrites writes, uint64_t bandwidth) : talk_(talk), writes_(std::move(writes)), pace_(bandwidth) {}
  ~SharedCopy() { end_last_look(); }

  // The workload runs. What of it the target does not have yet. `meanwhile` may throw to end it.
  void send_new(const std::function<void()>& meanwhile);
  // As the last one has found it.
  struct Found {
    uint64_t bytes = 0;      // all of it, without holes
    uint64_t written = 0;    // of what is tracked, since it was looked at before; not what was new
    uint64_t untracked = 0;  // to be read once more, all of it
    std::string why_untracked;  // one reason
  };
  const Found& found() const { return found_; }

  // It stands still: begins to look at what is known of it; until that has ended its trackers are not to be used for anything else. Those are what
  // CRIU is to find empty; what has come into being since is left to it.
  [[nodiscard]] std::vector<criu::hidden::File> look_for_the_last_time();
  // Waits for what that has found. Nothing when there was no last look.
  void send_last(const std::function<void(uint64_t bytes)>& sent);
  // Instead: it goes on.
  void end_last_look();
  // Of those.
  std::vector<uint64_t> inodes() const;

 private:
  struct Change {
    uint64_t page;
    memory::PageHash hash;
  };
  // That one thread looks at in one go.
  struct Part {
    size_t memory = 0;  // of last_
    memory::PageSet pages;
    std::vector<Change> changes;
  };
  void look();
  void look_at(Part& part) const;
  void cut_into_parts(size_t memory, const memory::PageSet& pages);

  Conversation& talk_;
  memory::SharedWrites writes_;
  transport::Pace pace_;
  std::map<uint64_t, memory::SharedPages> known_;  // by inode
  Found found_;
  std::vector<memory::SharedMemory> last_;
  std::vector<Part> parts_;  // by memory
  std::atomic<bool> ended_ = false;  // what it still has to look at does not matter
  std::future<void> looking_;        // uses all of the above: last, so that it ends first
};

}  // namespace ferry::migration
