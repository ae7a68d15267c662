// SPDX-License-Identifier: Apache-2.0
#include "migration/page_encoder.h"

#include <time.h>

#include "base/clock.h"

namespace ferry::migration {

using memory::AddressRange;
using memory::kPageBytes;

void cut(const memory::PageSet& pages, PagePiece piece, std::vector<PagePiece>& into) {
  uint64_t held = 0;
  const auto close = [&] {
    if (held == 0) return;
    into.push_back(piece);
    piece.ranges.clear();
    held = 0;
  };
  for (AddressRange range : pages) {
    while (range.bytes() > 0) {
      const AddressRange part{range.start, std::min(range.end, range.start + kPieceBytes - held)};
      piece.ranges.push_back(part);
      held += part.bytes();
      range.start = part.end;
      if (held == kPieceBytes || piece.ranges.size() == memory::kMaxRuns) close();
    }
  }
  close();
}

memory::PageReader* PageEncoder::reader_of(pid_t pid) {
  const auto [found, is_new] = readers_.try_emplace(pid);
  if (is_new) found->second = memory::PageReader::try_open(pid);
  return found->second ? &*found->second : nullptr;
}

uint64_t PageEncoder::encode(const PagePiece& piece, const LaneSender::Emit& emit) {
  std::vector<AddressRange> to_read;
  batch_.clear();
  batch_.space = piece.space;
  memory::PageSet pages;
  for (const AddressRange range : piece.ranges) pages.insert(range);
  const auto zero = piece.zero ? pages.intersection(*piece.zero) : memory::PageSet();
  const auto data = zero.empty() ? pages : pages.difference(zero);

  memory::PageReader* reader = reader_of(piece.pid);
  if (reader == nullptr) return 0;  // it has gone: the next scan tells
  if (buffer_.size() < data.bytes()) buffer_.resize(data.bytes());  // what becomes longer is filled with zeros first
  const auto read = reader->read(data.ranges(), std::span(buffer_).first(data.bytes()));
  // Both in ascending order, merged: a batch's runs ascend.
  auto next_zero = zero.begin();
  size_t at = 0;
  auto wanted = data.begin();
  for (const AddressRange range : read) {
    for (; next_zero != zero.end() && next_zero->start < range.start; ++next_zero) add_zero(piece, *next_zero, emit);
    // Where in the buffer the range stands: behind all that was asked for before it.
    for (; wanted->end <= range.start; ++wanted) at += wanted->bytes();
    const size_t offset = at + (range.start - wanted->start);
    add(piece, range, std::span(buffer_).subspan(offset, range.bytes()), emit);
  }
  for (; next_zero != zero.end(); ++next_zero) add_zero(piece, *next_zero, emit);
  flush(emit);
  uint64_t bytes = zero.bytes();
  for (const AddressRange range : read) bytes += range.bytes();
  return bytes;
}

// Split where zero pages begin and end.
void PageEncoder::add(const PagePiece& piece, AddressRange range, std::span<const std::byte> bytes, const LaneSender::Emit& emit) {
  while (range.bytes() > 0) {
    const bool zero = memory::is_zero(bytes.data(), kPageBytes);
    uint64_t length = kPageBytes;
    while (length < range.bytes() && memory::is_zero(bytes.data() + length, kPageBytes) == zero) length += kPageBytes;
    const AddressRange run{range.start, range.start + length};
    if (zero) {
      add_zero(piece, run, emit);
    } else if (!batch_.try_add_data(run, bytes.first(length))) {
      flush(emit);
      CHECK(batch_.try_add_data(run, bytes.first(length)));
    }
    range.start += length;
    bytes = bytes.subspan(length);
  }
}

void PageEncoder::add_zero(const PagePiece& piece, AddressRange range, const LaneSender::Emit& emit) {
  if (piece.known == nullptr || !piece.known->intersects(range)) return;  // what the store does not have is zero
  if (batch_.try_add_zero(range)) return;
  flush(emit);
  CHECK(batch_.try_add_zero(range));
}

void PageEncoder::flush(const LaneSender::Emit& emit) {
  if (batch_.runs.empty()) return;
  const auto compression = codecs_.next();
  const int64_t before = base::clock_ns(CLOCK_THREAD_CPUTIME_ID);
  const auto bytes = encoder_.encode(batch_, compression);
  const double seconds = static_cast<double>(base::clock_ns(CLOCK_THREAD_CPUTIME_ID) - before) / 1e9;
  codecs_.measured(compression, batch_.data.size(), bytes.size(), seconds);
  emit(bytes);
  const int32_t space = batch_.space;
  batch_.clear();
  batch_.space = space;
}

}  // namespace ferry::migration
