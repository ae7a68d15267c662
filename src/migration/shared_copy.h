// SPDX-License-Identifier: Apache-2.0
//
// Memory that is CRIU's part, on its way to the target before the freeze: what tasks share. Within
// the pause CRIU writes it into an image all the same, of which only what has changed since is
// sent.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "memory/known_pages.h"
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

  // As migration::send_file does.
  void send_image(const base::Path& image, const std::function<void(uint64_t bytes)>& sent);

 private:
  void send_runs(wire::FileStart start, std::span<const std::byte> content,
                 const std::vector<memory::PageRun>& runs,
                 const std::function<void(uint64_t bytes)>& sent);
  Conversation& talk_;
  transport::Pace pace_;
  memory::KnownPages known_;
  uint64_t bytes_ = 0;
};

}  // namespace ferry::migration
