// SPDX-License-Identifier: Apache-2.0
#include "memory/codec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "base/error.h"
#include "memory/test_pages.h"

namespace ferry::memory {
namespace {

constexpr size_t kMaxFrameBytes = size_t{4} << 20;  // transport/frame.h, which is above us
constexpr Compression kAll[] = {Compression::kNone, Compression::kLz4, Compression::kZstd};

// Compressible to a degree: `spread` different byte values.
std::vector<std::byte> content(size_t bytes, unsigned spread, std::mt19937_64& random) {
  std::vector<std::byte> data(bytes);
  for (auto& byte : data) byte = static_cast<std::byte>(random() % spread);
  return data;
}

Batch random_batch(std::mt19937_64& random) {
  Batch batch;
  batch.space = static_cast<int32_t>(random() % 50000);
  uint64_t at = random() % 1000;
  const unsigned spread = random() % 2 ? 3 : 256;
  for (uint64_t count = 1 + random() % 20; count > 0; --count) {
    const uint64_t length = 1 + random() % 8;
    if (random() % 3 == 0) {
      EXPECT_TRUE(batch.try_add_zero(pages(at, length * 1000)));
      at += length * 1000;
    } else {
      EXPECT_TRUE(batch.try_add_data(pages(at, length), content(length * kPageBytes, spread, random)));
      at += length;
    }
    at += random() % 2 * (random() % 100);
  }
  return batch;
}

TEST(Codec, DecodesWhatItEncoded) {
  Encoder encoder;
  Decoder decoder;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    std::mt19937_64 random(seed);
    const Batch batch = random_batch(random);
    for (const Compression compression : kAll) {
      SCOPED_TRACE(testing::Message() << seed << " " << to_string(compression));
      const Decoded& again = decoder.decode(encoder.encode(batch, compression));
      EXPECT_EQ(again.space, batch.space);
      EXPECT_EQ(again.runs, batch.runs);
      EXPECT_TRUE(std::ranges::equal(again.data, batch.data));
    }
  }
}

TEST(Codec, ShrinksWhatCanBeAndSendsTheRestPlain) {
  std::mt19937_64 random(1);
  Encoder encoder;
  for (const Compression compression : {Compression::kLz4, Compression::kZstd}) {
    Batch batch;
    ASSERT_TRUE(batch.try_add_data(pages(1, 16), content(16 * kPageBytes, 2, random)));
    EXPECT_LT(encoder.encode(batch, compression).size(), 10 * kPageBytes);
    batch.clear();
    ASSERT_TRUE(batch.try_add_data(pages(1, 16), content(16 * kPageBytes, 256, random)));
    const auto plain = encoder.encode(batch, compression);
    EXPECT_EQ(plain[0], std::byte{0});
    EXPECT_LT(plain.size(), 17 * kPageBytes);
  }
}

TEST(Codec, ZeroRunsCostTwelveBytes) {
  Batch batch;
  ASSERT_TRUE(batch.try_add_zero(pages(10, 100)));
  ASSERT_TRUE(batch.try_add_zero(pages(110, 1 << 20)));  // one run with the first
  EXPECT_EQ(batch.runs.size(), 1u);
  Encoder encoder;
  EXPECT_EQ(encoder.encode(batch, Compression::kLz4).size(), 28u);
}

TEST(Codec, AFullBatchFitsAFrame) {
  std::mt19937_64 random(2);
  const auto page = content(kPageBytes, 256, random);
  Batch batch;
  uint64_t at = 0;
  while (batch.try_add_data(pages(at, 1), page) && batch.try_add_zero(pages(at + 1, 1))) at += 2;
  EXPECT_EQ(batch.data.size(), kMaxBatchBytes);
  while (batch.try_add_zero(pages(at + 1, 1))) at += 2;
  EXPECT_EQ(batch.runs.size(), kMaxRuns);
  Encoder encoder;
  Decoder decoder;
  for (const Compression compression : kAll) {
    const auto bytes = encoder.encode(batch, compression);
    EXPECT_LE(bytes.size(), kMaxFrameBytes);
    EXPECT_EQ(decoder.decode(bytes).runs, batch.runs);
  }
}

// Every byte of a good batch is spoilt in turn, and cut off at every length: an Error, or a batch that keeps the rules.
TEST(Codec, HostileInputIsAnErrorAndNoMore) {
  Encoder encoder;
  Decoder decoder;
  for (uint64_t seed = 0; seed < 12; ++seed) {
    std::mt19937_64 random(seed);
    const Batch batch = random_batch(random);
    const auto encoded = encoder.encode(batch, kAll[seed % 3]);
    const std::vector<std::byte> good(encoded.begin(), encoded.end());
    for (int i = 0; i < 3000; ++i) {
      auto bad = good;
      const size_t where = random() % 3 == 0 ? random() % bad.size() : random() % std::min<size_t>(bad.size(), 300);
      bad[where] = static_cast<std::byte>(random());
      if (random() % 4 == 0) bad.resize(random() % bad.size());
      // An exact copy on the heap: a sanitizer sees a read beyond its end.
      const std::vector<std::byte> exact(bad.begin(), bad.end());
      try {
        const Decoded& decoded = decoder.decode(exact);
        uint64_t last = 0, data = 0;
        for (const auto& run : decoded.runs) {
          EXPECT_LE(last, run.range.start);
          EXPECT_LT(run.range.start, run.range.end);
          last = run.range.end;
          if (!run.zero) data += run.range.bytes();
        }
        EXPECT_EQ(data, decoded.data.size());
      } catch (const base::Error&) {
      }
    }
  }
}

TEST(Codec, EveryCutIsAnError) {
  std::mt19937_64 random(4);
  Batch batch;
  ASSERT_TRUE(batch.try_add_data(pages(1, 1), content(kPageBytes, 3, random)));
  ASSERT_TRUE(batch.try_add_zero(pages(2, 5)));
  Encoder encoder;
  Decoder decoder;
  for (const Compression compression : kAll) {
    const auto good = encoder.encode(batch, compression);
    for (size_t length = 0; length < good.size(); ++length) {
      EXPECT_THROW(decoder.decode(good.first(length)), base::Error) << length;
    }
  }
}

}  // namespace
}  // namespace ferry::memory
