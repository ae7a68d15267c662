// SPDX-License-Identifier: Apache-2.0
#include "memory/placement.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "memory/store.h"

namespace ferry::memory {
namespace {

constexpr uint64_t kP = kPageBytes;

TEST(Placement, AtFirstEverythingIsAtItsOwnAddress) {
  const Placement placement;
  const auto piece = placement.find(5 * kP, 9 * kP);
  ASSERT_TRUE(piece);
  EXPECT_EQ(piece->at, (AddressRange{5 * kP, 9 * kP}));
  EXPECT_EQ(piece->position, 5 * kP);
  EXPECT_EQ(placement.places_of({0, kSpaceEnd}).size(), 1u);
}

TEST(Placement, WhatIsRemovedComesFromNowhere) {
  Placement placement;
  placement.remove({4 * kP, 8 * kP});
  EXPECT_FALSE(placement.find(4 * kP, 100 * kP));
  EXPECT_FALSE(placement.find(7 * kP, 100 * kP));
  EXPECT_EQ(placement.end_of_nowhere(5 * kP, 100 * kP), 8 * kP);
  EXPECT_EQ(placement.find(3 * kP, 100 * kP)->at.end, 4 * kP);
  EXPECT_TRUE(placement.places_of({4 * kP, 8 * kP}).empty());
}

TEST(Placement, WhatIsMovedHasItsOldPosition) {
  Placement placement;
  placement.move(10 * kP, 50 * kP, 4 * kP);
  EXPECT_FALSE(placement.find(11 * kP, 12 * kP));
  EXPECT_EQ(placement.find(51 * kP, 60 * kP)->position, 11 * kP);
  EXPECT_EQ(placement.find(51 * kP, 60 * kP)->at.end, 54 * kP);
  const auto places = placement.places_of({9 * kP, 15 * kP});
  ASSERT_EQ(places.size(), 3u);
  EXPECT_EQ(places[1].at, (AddressRange{50 * kP, 54 * kP}));
  EXPECT_EQ(places[1].position, 10 * kP);
  // What stood where it came to has no place any more.
  EXPECT_TRUE(placement.places_of({50 * kP, 54 * kP}).empty());
}

// Against the simplest of models: an array.
TEST(Placement, AnythingAtRandom) {
  constexpr uint64_t kPages = 64;
  constexpr uint64_t kNone = ~uint64_t{0};
  std::mt19937_64 random(11);
  for (int run = 0; run < 50; ++run) {
    Placement placement;
    std::vector<uint64_t> model(kPages);
    for (uint64_t i = 0; i < kPages; ++i) model[i] = i;
    for (int step = 0; step < 40; ++step) {
      const uint64_t count = 1 + random() % 8;
      const uint64_t from = random() % (kPages - count + 1);
      const uint64_t to = random() % (kPages - count + 1);
      if (random() % 2 == 0) {
        placement.remove({from * kP, (from + count) * kP});
        std::fill_n(model.begin() + static_cast<long>(from), count, kNone);
      } else if (to + count <= from || from + count <= to) {  // mremap takes no other
        placement.move(from * kP, to * kP, count * kP);
        for (uint64_t i = 0; i < count; ++i) model[to + i] = std::exchange(model[from + i], kNone);
      }
      std::map<uint64_t, uint64_t> address_of;
      for (uint64_t i = 0; i < kPages; ++i) {
        const auto found = placement.find(i * kP, (i + 1) * kP);
        ASSERT_EQ(found ? found->position / kP : kNone, model[i]) << "page " << i;
        if (found) address_of[found->position / kP] = i;
      }
      for (uint64_t position = 0; position < kPages; ++position) {
        const auto places = placement.places_of({position * kP, (position + 1) * kP});
        ASSERT_EQ(places.size(), address_of.count(position));
        for (const auto& place : places) ASSERT_EQ(place.at.start, address_of[position] * kP);
      }
    }
  }
}

}  // namespace
}  // namespace ferry::memory
