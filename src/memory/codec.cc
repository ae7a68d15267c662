// SPDX-License-Identifier: Apache-2.0
#include "memory/codec.h"

#include <fmt/format.h>
#include <lz4.h>
#include <zstd.h>

#include <bit>
#include <cstring>

#include "base/error.h"

namespace ferry::memory {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they are");

constexpr size_t kHeaderBytes = 16, kRunBytes = 12;
constexpr uint64_t kMaxPageNumber = uint64_t{1} << 45;  // of an address of 57 bits
// zstd's fastest level that still looks for matches: links slow enough for more are rare, cores are not free.
constexpr int kZstdLevel = 1;

template <typename T>
std::byte* put(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof(value));
  return at + sizeof(value);
}

template <typename T>
T get(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

[[noreturn]] void corrupt(std::string why) {
  throw base::Error({"corrupt batch of pages", std::move(why), {}, {}, {}});
}

// Returns the bytes written; 0: it does not fit into `room`.
size_t compress(const std::vector<std::byte>& data, std::byte* into, size_t room, Compression how, void* zstd) {
  if (how == Compression::kLz4) {
    const int size = LZ4_compress_default(reinterpret_cast<const char*>(data.data()), reinterpret_cast<char*>(into),
                                          static_cast<int>(data.size()), static_cast<int>(room));
    return size > 0 ? static_cast<size_t>(size) : 0;
  }
  const size_t size =
      ZSTD_compressCCtx(static_cast<ZSTD_CCtx*>(zstd), into, room, data.data(), data.size(), kZstdLevel);
  return ZSTD_isError(size) ? 0 : size;
}

bool decompress(std::span<const std::byte> from, std::span<std::byte> into, Compression how, void* zstd) {
  if (how == Compression::kLz4) {
    const int size = LZ4_decompress_safe(reinterpret_cast<const char*>(from.data()), reinterpret_cast<char*>(into.data()),
                                         static_cast<int>(from.size()), static_cast<int>(into.size()));
    return size == static_cast<int>(into.size());
  }
  return ZSTD_decompressDCtx(static_cast<ZSTD_DCtx*>(zstd), into.data(), into.size(), from.data(), from.size()) == into.size();
}

void grow(std::vector<std::byte>& buffer, size_t size) {
  if (buffer.size() < size) buffer.resize(size);
}

Run read_run(const std::byte* at, uint64_t& next_free) {
  const auto number = get<uint64_t>(at);
  const uint64_t page = number >> 1, pages = get<uint32_t>(at + sizeof(uint64_t));
  if (pages == 0 || pages > kMaxRunPages) corrupt(fmt::format("a run of {} pages", pages));
  if (page < next_free) corrupt("its runs are not in order");
  if (page + pages > kMaxPageNumber) corrupt("a run lies beyond all addresses");
  next_free = page + pages;
  return {{page * kPageBytes, next_free * kPageBytes}, (number & 1) != 0};
}

bool follows(const std::vector<Run>& runs, AddressRange range) {
  return runs.empty() || runs.back().range.end <= range.start;
}

}  // namespace

const char* to_string(Compression compression) {
  switch (compression) {
    case Compression::kNone: return "none";
    case Compression::kLz4: return "lz4";
    case Compression::kZstd: return "zstd";
  }
  return "?";
}

void Batch::clear() {
  runs.clear();
  data.clear();
}

bool Batch::try_add_zero(AddressRange range) {
  CHECK(follows(runs, range) && page_of(range.bytes()) <= kMaxRunPages);
  if (!runs.empty() && runs.back().zero && runs.back().range.end == range.start &&
      page_of(range.end - runs.back().range.start) <= kMaxRunPages) {
    runs.back().range.end = range.end;
    return true;
  }
  if (runs.size() == kMaxRuns) return false;
  runs.push_back({range, true});
  return true;
}

bool Batch::try_add_data(AddressRange range, std::span<const std::byte> bytes) {
  CHECK(follows(runs, range) && bytes.size() == range.bytes());
  if (data.size() + bytes.size() > kMaxBatchBytes) return false;
  if (!runs.empty() && !runs.back().zero && runs.back().range.end == range.start) {
    runs.back().range.end = range.end;
  } else {
    if (runs.size() == kMaxRuns) return false;
    runs.push_back({range, false});
  }
  data.insert(data.end(), bytes.begin(), bytes.end());
  return true;
}

uint64_t Batch::pages() const {
  uint64_t bytes = 0;
  for (const Run& run : runs) bytes += run.range.bytes();
  return bytes / kPageBytes;
}

Encoder::Encoder() : zstd_(ZSTD_createCCtx()) { CHECK(zstd_ != nullptr); }
Encoder::~Encoder() { ZSTD_freeCCtx(static_cast<ZSTD_CCtx*>(zstd_)); }

std::span<const std::byte> Encoder::encode(const Batch& batch, Compression compression) {
  CHECK(!batch.runs.empty() && batch.runs.size() <= kMaxRuns && batch.data.size() <= kMaxBatchBytes);
  const size_t head = kHeaderBytes + batch.runs.size() * kRunBytes;
  grow(buffer_, head + batch.data.size());
  std::byte* at = put(buffer_.data(), uint32_t{0});
  at = put(at, batch.space);
  at = put(at, static_cast<uint32_t>(batch.runs.size()));
  at = put(at, static_cast<uint32_t>(batch.data.size()));
  for (const Run& run : batch.runs) {
    at = put(at, page_of(run.range.start) << 1 | (run.zero ? 1 : 0));
    at = put(at, static_cast<uint32_t>(page_of(run.range.bytes())));
  }
  size_t size = 0;
  // Into a byte less than plain: what does not become smaller fails and goes plain.
  if (compression != Compression::kNone && !batch.data.empty()) {
    size = compress(batch.data, at, batch.data.size() - 1, compression, zstd_);
  }
  if (size == 0) {
    compression = Compression::kNone;
    size = batch.data.size();
    if (size > 0) std::memcpy(at, batch.data.data(), size);
  }
  buffer_[0] = static_cast<std::byte>(compression);
  return std::span(buffer_).first(head + size);
}

Decoder::Decoder() : zstd_(ZSTD_createDCtx()) { CHECK(zstd_ != nullptr); }
Decoder::~Decoder() { ZSTD_freeDCtx(static_cast<ZSTD_DCtx*>(zstd_)); }

const Decoded& Decoder::decode(std::span<const std::byte> bytes) {
  decoded_.runs.clear();
  if (bytes.size() < kHeaderBytes) corrupt("it is shorter than its header");
  const auto kind = static_cast<uint8_t>(bytes[0]);
  if (kind > static_cast<uint8_t>(Compression::kZstd)) corrupt(fmt::format("unknown compression {}", kind));
  decoded_.space = get<int32_t>(&bytes[4]);
  const auto runs = get<uint32_t>(&bytes[8]), raw = get<uint32_t>(&bytes[12]);
  if (runs == 0 || runs > kMaxRuns) corrupt(fmt::format("{} runs", runs));
  if (raw > kMaxBatchBytes) corrupt(fmt::format("{} bytes of pages", raw));
  const size_t head = kHeaderBytes + runs * kRunBytes;
  if (bytes.size() < head) corrupt("it ends in the list of runs");
  uint64_t next_free = 0, data = 0;
  for (size_t at = kHeaderBytes; at < head; at += kRunBytes) {
    const Run run = read_run(&bytes[at], next_free);
    if (!run.zero) data += run.range.bytes();
    decoded_.runs.push_back(run);
  }
  if (data != raw) corrupt("its runs are not as long as its pages");
  decoded_.data = unpack(bytes.subspan(head), raw, static_cast<Compression>(kind));
  return decoded_;
}

std::span<const std::byte> Decoder::unpack(std::span<const std::byte> packed, size_t size, Compression how) {
  if (how == Compression::kNone) {
    if (packed.size() != size) corrupt("its pages are fewer or more than it says");
    return packed;
  }
  grow(plain_, size);
  const auto plain = std::span(plain_).first(size);
  if (!decompress(packed, plain, how, zstd_)) corrupt("its pages do not decompress");
  return plain;
}

}  // namespace ferry::memory
