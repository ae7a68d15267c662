// SPDX-License-Identifier: Apache-2.0
//
// CRIU's images, on their way to the target: the small ones, of which there is one for each connection, many at a time.
//
// What is in those of pages is private to a task, but of no plane. Most of it was written when the task began (a program's relocated data) and is the same
// in all tasks of a tree, and most of the rest does not change within the time that a move takes. So it goes ahead while the workload runs,
// each content once, and in the pause such an image is told by the numbers of the pages that the target has.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/fd.h"
#include "memory/page_hash.h"
#include "migration/conversation.h"
#include "transport/pace.h"

namespace ferry::migration {

class ImageSender {
 public:
  // `bandwidth`: bytes per second while the workload runs; 0: as fast as it goes.
  ImageSender(Conversation& talk, uint64_t bandwidth) : talk_(talk), pace_(bandwidth) {}

  // What of these pages the target does not have goes to it now. The workload runs.
  void send_ahead(std::span<const std::byte> pages);

  using Sent = std::function<void(uint64_t bytes)>;
  void send(const std::vector<base::Path>& images, const Sent& sent);
  void send(const base::Path& image, const Sent& sent);  // one on its own

 private:
  void send_pages(const base::Path& image, const Sent& sent);
  std::optional<uint32_t> number_of(const std::byte* page);  // nothing: it is new, and has a number from now on

  Conversation& talk_;
  transport::Pace pace_;
  std::unordered_map<memory::PageHash, uint32_t> known_;
};

}  // namespace ferry::migration
