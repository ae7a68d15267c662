// SPDX-License-Identifier: Apache-2.0
#include "migration/shared_copy.h"

#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "base/error.h"

namespace ferry::migration {

namespace {

constexpr uint64_t kPageBytes = memory::kPageBytes;
constexpr uint64_t kPartPages = 2048;          // that one thread looks at in one go: 8 MiB
constexpr size_t kMostContent = 1 << 20;       // of one message
constexpr int kMostRanges = 4096;              // the same
constexpr unsigned kMostWorkers = 4;           // more than that and memory is what is slow

uint64_t pages_of(const memory::SharedMemory& memory) { return (memory.bytes + kPageBytes - 1) / kPageBytes; }

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

void SharedCopy::send_new(const std::vector<pid_t>& pids, const std::function<void()>& meanwhile) {
  bytes_ = 0;
  for (const auto& memory : memory::shared_memory_of(pids)) {
    auto& known = known_[memory.inode];
    const uint64_t pages = pages_of(memory);
    known.grow(pages);
    bytes_ += memory.stored;
    Batch batch(talk_, memory, [this](uint64_t bytes) { pace_.wait(bytes); });
    const auto send = [&](uint64_t page, std::span<const std::byte> content, memory::SharedPages::Hash hash) {
      known.note(page, hash);
      batch.add(page, content);
    };
    for (uint64_t page = 0; page < pages; page += kPartPages) {
      meanwhile();
      known.look(memory.file.get(), page, std::min(pages, page + kPartPages), send);
    }
    if (!batch.is_empty()) batch.flush();
  }
}

std::vector<criu::hidden::File> SharedCopy::look_for_the_last_time(const std::vector<pid_t>& pids) {
  workers_.clear();  // of a freeze that was taken back
  last_.clear();
  parts_.clear();
  next_part_ = 0;
  std::vector<criu::hidden::File> hidden;
  for (auto& memory : memory::shared_memory_of(pids)) {
    const auto known = known_.find(memory.inode);
    if (known == known_.end()) continue;
    const uint64_t pages = pages_of(memory), parts = (pages + kPartPages - 1) / kPartPages;
    known->second.grow(pages);
    hidden.push_back({memory.device, memory.inode});
    for (size_t part = 0; part < parts; ++part) parts_.push_back({last_.size(), part});
    last_.push_back({std::move(memory), std::vector<std::vector<Change>>(parts)});
  }
  const unsigned spare = std::max(1U, std::thread::hardware_concurrency() - 1);  // CRIU has the other
  const size_t workers = std::min<size_t>({spare, kMostWorkers, parts_.size()});
  for (size_t i = 0; i < workers; ++i) workers_.push_back(std::async(std::launch::async, [this] { look_at_parts(); }));
  return hidden;
}

void SharedCopy::look_at_parts() {
  for (size_t at = next_part_++; at < parts_.size(); at = next_part_++) {
    const auto [number, part] = parts_[at];
    auto& look = last_[number];
    const uint64_t first = part * kPartPages;
    known_.at(look.memory.inode)
        .look(look.memory.file.get(), first, std::min(pages_of(look.memory), first + kPartPages),
              [&](uint64_t page, std::span<const std::byte>, memory::SharedPages::Hash hash) { look.changes[part].push_back({page, hash}); });
  }
}

void SharedCopy::send_last(const std::function<void(uint64_t bytes)>& sent) {
  for (auto& worker : std::exchange(workers_, {})) worker.get();
  for (const auto& look : last_) send_changes(look, sent);
}

void SharedCopy::send_changes(const LastLook& look, const std::function<void(uint64_t bytes)>& sent) {
  auto& known = known_.at(look.memory.inode);
  Batch batch(talk_, look.memory, sent);
  std::vector<std::byte> content(kPageBytes);
  for (const auto& part : look.changes) {
    for (const Change& change : part) {
      if (change.hash == memory::SharedPages::Hash{}) {
        batch.add(change.page, {});
      } else {
        const auto got = ::pread(look.memory.file.get(), content.data(), kPageBytes, static_cast<off_t>(change.page * kPageBytes));
        if (got <= 0) throw base::SysError("pread", got < 0 ? errno : EIO, "of shared memory");
        std::ranges::fill(std::span(content).subspan(static_cast<size_t>(got)), std::byte{0});
        batch.add(change.page, content);
      }
      known.note(change.page, change.hash);
    }
  }
  batch.flush();
}

std::vector<uint64_t> SharedCopy::inodes() const {
  std::vector<uint64_t> inodes;
  for (const auto& look : last_) inodes.push_back(look.memory.inode);
  return inodes;
}

}  // namespace ferry::migration
