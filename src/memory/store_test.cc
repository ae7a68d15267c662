// SPDX-License-Identifier: Apache-2.0
#include "memory/store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "base/error.h"

namespace ferry::memory {
namespace {

using Ranges = std::vector<AddressRange>;

std::vector<std::byte> bytes_of_pages(size_t count, int value) {
  return std::vector<std::byte>(count * kPageBytes, static_cast<std::byte>(value));
}

AddressRange range(uint64_t first, uint64_t end) { return {first * kPageBytes, end * kPageBytes}; }

TEST(Store, WhatWasPutCanBeReadAndTheRestIsAbsent) {
  Store store;
  store.put(7, 100 * kPageBytes, bytes_of_pages(3, 1), 0);
  store.put(7, 103 * kPageBytes, bytes_of_pages(1, 2), 0);
  store.put(8, 100 * kPageBytes, bytes_of_pages(1, 3), 0);
  EXPECT_EQ(store.stored(7), Ranges{range(100, 104)});
  EXPECT_EQ(store.stored(8), Ranges{range(100, 101)});
  EXPECT_TRUE(store.stored(9).empty());
  EXPECT_EQ(store.bytes_held(), 5 * kPageBytes);
  const StoredSpace space(store.fd(), store.plans().at(0).slot);
  auto read = bytes_of_pages(4, 0);
  space.read(100 * kPageBytes, read);
  auto expected = bytes_of_pages(3, 1);
  const auto last = bytes_of_pages(1, 2);
  expected.insert(expected.end(), last.begin(), last.end());
  EXPECT_EQ(read, expected);
  const auto hole = space.look(range(0, 200));
  EXPECT_EQ(hole.kind, Backing::Kind::kAbsent);
  EXPECT_EQ(hole.range, range(0, 100));
  const auto data = space.look(range(101, 200));
  EXPECT_EQ(data.kind, Backing::Kind::kData);
  EXPECT_EQ(data.range.start, 101 * kPageBytes);
  EXPECT_EQ(data.range.end, kLookBytes * 2) << "no search for the next hole";
  EXPECT_EQ(space.look(range(101, 103)).range, range(101, 103));
  EXPECT_EQ(space.look(range(104, 200)).range, range(104, 200));
}

TEST(Store, ALaterRoundReplacesAnEarlierOne) {
  Store store;
  store.put(1, 0x10000, bytes_of_pages(2, 1), 0);
  store.put(1, 0x11000, bytes_of_pages(1, 9), 1);
  const StoredSpace space(store.fd(), store.plans().at(0).slot);
  auto read = bytes_of_pages(1, 0);
  space.read(0x11000, read);
  EXPECT_EQ(read, bytes_of_pages(1, 9));
  EXPECT_EQ(store.bytes_held(), 2 * kPageBytes);
}

TEST(Store, DroppedPagesGiveTheirMemoryBack) {
  Store store;
  store.put(1, 0, bytes_of_pages(256, 1), 0);
  store.drop(1, range(10, 20));
  EXPECT_EQ(store.bytes_held(), 246 * kPageBytes);
  EXPECT_EQ(store.stored(1), (Ranges{range(0, 10), range(20, 256)}));
  const std::vector present{range(5, 12), range(30, 31), range(300, 400)};
  store.keep_only(1, present);
  EXPECT_EQ(store.stored(1), (Ranges{range(5, 10), range(30, 31)}));
  store.forget(1);
  EXPECT_EQ(store.bytes_held(), 0u);
  EXPECT_TRUE(store.plans().empty());
}

TEST(Store, AddressesAtBothEndsOfASpace) {
  Store store;
  const uint64_t last = kSpaceEnd - kPageBytes;
  store.put(1, last, bytes_of_pages(1, 1), 0);
  store.put(2, 0, bytes_of_pages(1, 2), 0);
  EXPECT_EQ(store.stored(1), Ranges({{last, kSpaceEnd}}));
  EXPECT_EQ(store.stored(2), Ranges{range(0, 1)});
}

TEST(Store, WhatIsNoPageIsRefused) {
  Store store;
  EXPECT_THROW(store.put(1, 1, bytes_of_pages(1, 1), 0), base::Error);
  const auto page = bytes_of_pages(1, 1);
  EXPECT_THROW(store.put(1, 0, std::span(page).first(100), 0), base::Error);
  EXPECT_THROW(store.put(1, kSpaceEnd, bytes_of_pages(1, 1), 0), base::Error);
  EXPECT_THROW(store.drop(1, {4096, 0}), base::Error);
  EXPECT_THROW(store.set_first(1, {{1, 2}}), base::Error);
}

TEST(Store, HotPagesAreThoseOfTheLastRoundsNewestFirst) {
  Store store;
  store.put(1, 0, bytes_of_pages(64, 1), 0);
  store.put(1, 1 * kPageBytes, bytes_of_pages(1, 1), 1);
  store.put(1, 2 * kPageBytes, bytes_of_pages(1, 1), 2);
  store.put(1, 3 * kPageBytes, bytes_of_pages(1, 1), 3);
  store.put(1, 8 * kPageBytes, bytes_of_pages(2, 1), 4);
  store.put(1, 10 * kPageBytes, bytes_of_pages(1, 1), 4);
  const auto plans = store.plans();
  ASSERT_EQ(plans.size(), 1u);
  EXPECT_EQ(plans[0].hot, (Ranges{range(8, 11), range(3, 4), range(2, 3)}));
}

TEST(Store, SeveralLanesMayPutAtOnce) {
  Store store;
  std::vector<std::thread> lanes;
  for (int lane = 0; lane < 4; ++lane) {
    lanes.emplace_back([&, lane] {
      for (uint64_t page = 0; page < 200; ++page) {
        const auto pid = static_cast<int32_t>(page % 5);
        store.put(pid, (page * 4 + static_cast<uint64_t>(lane)) * kPageBytes, bytes_of_pages(1, lane + 1),
                  1);
      }
    });
  }
  for (auto& lane : lanes) lane.join();
  EXPECT_EQ(store.bytes_held(), 800 * kPageBytes);
  EXPECT_EQ(store.plans().size(), 5u);
}

}  // namespace
}  // namespace ferry::memory
