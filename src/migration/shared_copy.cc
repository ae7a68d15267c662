// SPDX-License-Identifier: Apache-2.0
#include "migration/shared_copy.h"

#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"

namespace ferry::migration {

namespace {

using memory::kPageBytes;
using memory::page_of;
constexpr uint64_t kPartBytes = 8 << 20;       // that one thread looks at in one go
constexpr size_t kMostContent = 1 << 20;       // of one message
constexpr int kMostRanges = 4096;              // the same
constexpr size_t kMostThreads = 4;             // more than that and memory is what is slow

// In whole pages.
uint64_t bytes_of(const memory::SharedMemory& memory) { return memory::pages_around({0, memory.bytes}).end; }

// By offset.
memory::PageSet all_but(const memory::PageSet& pages, const memory::SharedMemory& memory) {
  return memory::PageSet{{0, bytes_of(memory)}}.difference(pages);
}

// What lies beyond its end is zero.
std::span<const std::byte> read_page(const memory::SharedMemory& memory, uint64_t page, std::span<std::byte> buffer) {
  const auto got = ::pread(memory.file.get(), buffer.data(), kPageBytes, static_cast<off_t>(page * kPageBytes));
  if (got <= 0) throw base::SysError("pread", got < 0 ? errno : EIO, "of shared memory");
  std::ranges::fill(buffer.subspan(static_cast<size_t>(got)), std::byte{0});
  return buffer;
}

// Pages of one memory, gathered for as few messages as possible.
class Batch {
 public:
  Batch(Conversation& talk, const memory::SharedMemory& memory, std::function<void(uint64_t bytes)> sent)
      : talk_(talk), memory_(memory), sent_(std::move(sent)) {}

  void add(uint64_t page, std::span<const std::byte> content) {
    extend(content.empty() ? *shared_.mutable_zeros() : *shared_.mutable_data(), page);
    content_.insert(content_.end(), content.begin(), content.end());
    if (content_.size() >= kMostContent || shared_.data_size() + shared_.zeros_size() >= kMostRanges) flush();
  }
  bool is_empty() const { return shared_.data().empty() && shared_.zeros().empty(); }
  // Its length, too.
  void flush() {
    wire::FileStart start;
    start.set_kind(wire::FileStart::SHARED);
    start.set_size(content_.size());
    shared_.set_inode(memory_.inode);
    shared_.set_name(memory_.name);
    shared_.set_bytes(memory_.bytes);
    *start.mutable_shared() = std::exchange(shared_, {});
    send_start(talk_, std::move(start));
    send_content(talk_, content_, sent_);
    content_.clear();
  }

 private:
  template <class Numbers>
  static void extend(Numbers& ranges, uint64_t page) {
    const int size = ranges.size();
    if (size > 0 && ranges.Get(size - 2) + ranges.Get(size - 1) == page) {
      ranges.Set(size - 1, ranges.Get(size - 1) + 1);
    } else {
      ranges.Add(page);
      ranges.Add(1);
    }
  }
  Conversation& talk_;
  const memory::SharedMemory& memory_;
  std::function<void(uint64_t bytes)> sent_;
  wire::SharedMemory shared_;
  std::vector<std::byte> content_;
};

}  // namespace

void SharedCopy::send_new(const std::function<void()>& meanwhile) {
  found_ = {};
  for (const auto& [memory, unwritten, why_untracked] : writes_.round()) {
    auto& known = known_[memory.inode];
    known.grow(page_of(bytes_of(memory)));
    found_.bytes += memory.stored;
    if (!why_untracked.empty()) {
      found_.untracked += memory.stored;
      found_.why_untracked = why_untracked;
    }
    Batch batch(talk_, memory, [this](uint64_t bytes) { pace_.wait(bytes); });
    const auto send = [&](uint64_t page, std::span<const std::byte> content, memory::PageHash hash) {
      known.note(page, hash);
      batch.add(page, content);
    };
    if (!unwritten.empty()) found_.written += memory.stored - std::min(memory.stored, unwritten.bytes());
    const auto doubtful = all_but(unwritten, memory);
    for (const auto& range : doubtful) {
      for (uint64_t at = range.start; at < range.end; at += kPartBytes) {
        meanwhile();
        known.look(memory.file.get(), page_of(at), page_of(std::min(range.end, at + kPartBytes)), send);
      }
    }
    if (!batch.is_empty()) batch.flush();
  }
}

std::vector<criu::hidden::File> SharedCopy::look_for_the_last_time() {
  end_last_look();
  last_.clear();
  parts_.clear();
  std::vector<criu::hidden::File> hidden;
  for (auto& memory : writes_.last_look()) {
    const auto known = known_.find(memory.inode);
    if (known == known_.end()) continue;
    known->second.grow(page_of(bytes_of(memory)));
    hidden.push_back({memory.device, memory.inode});
    last_.push_back(std::move(memory));
  }
  ended_ = false;
  if (!last_.empty()) looking_ = std::async(std::launch::async, [this] { look(); });
  return hidden;
}

void SharedCopy::look() {
  const size_t spare = std::max(1U, std::thread::hardware_concurrency() - 1);  // CRIU has the other
  const size_t threads = std::min(spare, kMostThreads);
  for (size_t i = 0; i < last_.size() && !ended_; ++i) cut_into_parts(i, all_but(writes_.unwritten(last_[i], threads, ended_), last_[i]));
  base::in_parallel(parts_.size(), threads, [this](size_t i) {
    if (!ended_) look_at(parts_[i]);
  });
}

void SharedCopy::end_last_look() {
  ended_ = true;
  looking_ = {};  // waits
}

void SharedCopy::cut_into_parts(size_t memory, const memory::PageSet& pages) {
  uint64_t room = 0;
  for (const auto& range : pages) {
    for (uint64_t at = range.start; at < range.end;) {
      if (room == 0) {
        parts_.push_back({memory, {}, {}});
        room = kPartBytes;
      }
      const uint64_t end = std::min(range.end, at + room);
      parts_.back().pages.insert({at, end});
      room -= end - at;
      at = end;
    }
  }
}

void SharedCopy::look_at(Part& part) const {
  const auto& memory = last_[part.memory];
  const auto& known = known_.at(memory.inode);
  for (const auto& range : part.pages) {
    known.look(memory.file.get(), page_of(range.start), page_of(range.end),
               [&](uint64_t page, std::span<const std::byte>, memory::PageHash hash) { part.changes.push_back({page, hash}); });
  }
}

void SharedCopy::send_last(const std::function<void(uint64_t bytes)>& sent) {
  if (looking_.valid()) looking_.get();
  auto part = parts_.begin();
  for (size_t number = 0; number < last_.size(); ++number) {
    const auto& memory = last_[number];
    auto& known = known_.at(memory.inode);
    Batch batch(talk_, memory, sent);
    std::vector<std::byte> content(kPageBytes);
    for (; part != parts_.end() && part->memory == number; ++part) {
      for (const Change& change : part->changes) {
        batch.add(change.page, change.hash == memory::PageHash{} ? std::span<const std::byte>() : read_page(memory, change.page, content));
        known.note(change.page, change.hash);
      }
    }
    batch.flush();
  }
}

std::vector<uint64_t> SharedCopy::inodes() const {
  std::vector<uint64_t> inodes;
  for (const auto& memory : last_) inodes.push_back(memory.inode);
  return inodes;
}

}  // namespace ferry::migration
