// SPDX-License-Identifier: Apache-2.0
//
// The pages that are in CRIU's images: those that are private to a task, but of no plane. Most of them were written when the task began (a program's
// relocated data) and are the same in all tasks of a tree, and most of the others do not change within the time that a move takes. So they go ahead while
// the workload runs, each content once, and in the pause an image is told by the numbers of the pages that the target has.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/fd.h"
#include "memory/page_hash.h"
#include "migration/conversation.h"
#include "transport/pace.h"

namespace ferry::migration {

// Of different pages; what comes after so many is not remembered, on either side.
inline constexpr uint32_t kMostImagePages = 65536;  // 256 MiB

// At the source.
class ImagePages {
 public:
  // `bandwidth`: bytes per second while the workload runs; 0: as fast as it goes.
  ImagePages(Conversation& talk, uint64_t bandwidth) : talk_(talk), pace_(bandwidth) {}

  // What of these pages the target does not have goes to it now. The workload runs.
  void send_ahead(std::span<const std::byte> pages);
  // Whether an image of this name holds nothing but pages.
  static bool is_for(const std::string& name) { return name.starts_with("pages-"); }
  void send_image(const base::Path& file, const std::function<void(uint64_t bytes)>& sent);

 private:
  std::optional<uint32_t> number_of(const std::byte* page);  // nothing: it is new, and has a number from now on

  Conversation& talk_;
  transport::Pace pace_;
  std::unordered_map<memory::PageHash, uint32_t> known_;
};

// At the target: what has come, in that order.
class KnownPages {
 public:
  void add(std::span<const std::byte> pages);
  std::span<const std::byte> at(uint32_t number) const;  // throws BrokenProtocol

 private:
  std::deque<std::vector<std::byte>> pages_;
};

}  // namespace ferry::migration
