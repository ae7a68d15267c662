// SPDX-License-Identifier: Apache-2.0
//
// From ranges of a task's memory to frames: reads the pages, leaves out what is zero on both sides, compresses. One per thread.
#pragma once

#include <map>
#include <vector>

#include "memory/codec.h"
#include "memory/codec_chooser.h"
#include "memory/page_reader.h"
#include "memory/page_set.h"
#include "migration/lane_sender.h"

namespace ferry::migration {

// What is read, hashed, compressed and encrypted at a time: little enough to stay in a second-level cache from the
// first of these passes to the last, and for those who share the CPU to wait for (lane_sender.cc).
inline constexpr uint64_t kPieceBytes = 64 << 10;
static_assert(kPieceBytes <= memory::kMaxBatchBytes);

struct PagePiece {
  pid_t pid = 0;          // who has it, here
  int32_t space = 0;      // what the target calls it
  std::vector<memory::AddressRange> ranges;
  const memory::PageSet* zero = nullptr;   // known to be zero: not read
  const memory::PageSet* known = nullptr;  // the target may hold something there, so zeros must be told
};

// Cuts a set into pieces of kPieceBytes at most.
void cut(const memory::PageSet& pages, PagePiece piece, std::vector<PagePiece>& into);

class PageEncoder {
 public:
  explicit PageEncoder(memory::CodecChooser& codecs) : codecs_(codecs) {}
  // Returns the bytes of memory that it could read (or knew to be zero): less, where pages have vanished.
  uint64_t encode(const PagePiece& piece, const LaneSender::Emit& emit);
  // Readers hold on to address spaces: not longer than a round.
  void forget_tasks() { readers_.clear(); }

 private:
  memory::PageReader* reader_of(pid_t pid);
  void add(const PagePiece& piece, memory::AddressRange range, std::span<const std::byte> bytes, const LaneSender::Emit& emit);
  void add_zero(const PagePiece& piece, memory::AddressRange range, const LaneSender::Emit& emit);
  void flush(const LaneSender::Emit& emit);

  memory::CodecChooser& codecs_;
  std::map<pid_t, std::optional<memory::PageReader>> readers_;
  std::vector<std::byte> buffer_;
  memory::Batch batch_;
  memory::Encoder encoder_;
};

}  // namespace ferry::migration
