// SPDX-License-Identifier: Apache-2.0
#include "memory/page_set.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "base/error.h"
#include "memory/test_pages.h"

namespace ferry::memory {
namespace {

constexpr uint64_t kSpan = 200;  // pages that the model plays with: few, so that ranges touch and overlap

using Model = std::set<uint64_t>;

PageSet as_set(const Model& model) {
  PageSet set;
  for (const uint64_t page : model) set.insert(pages(page, 1));
  return set;
}

void check_shape(const PageSet& set) {
  uint64_t last = 0;
  bool first = true;
  for (const AddressRange& range : set) {
    EXPECT_LT(range.start, range.end);
    EXPECT_TRUE(first || range.start > last) << "ranges touch";
    last = range.end;
    first = false;
  }
}

struct Pair {
  PageSet set;
  Model model;
};

void change(Pair& pair, std::mt19937_64& random) {
  const uint64_t first = random() % kSpan, count = random() % 9;
  if (random() % 3 == 0) {
    pair.set.erase(pages(first, count));
    for (uint64_t page = first; page < first + count; ++page) pair.model.erase(page);
  } else {
    pair.set.insert(pages(first, count));
    for (uint64_t page = first; page < first + count; ++page) pair.model.insert(page);
  }
}

void compare(const Pair& a, const Pair& b, std::mt19937_64& random) {
  Model both, only_a;
  for (const uint64_t page : a.model) (b.model.contains(page) ? both : only_a).insert(page);
  EXPECT_EQ(a.set.intersection(b.set), as_set(both));
  EXPECT_EQ(a.set.difference(b.set), as_set(only_a));
  EXPECT_EQ(a.set.pages(), a.model.size());
  PageSet joined = a.set;
  joined.insert(b.set);
  Model all = a.model;
  all.insert(b.model.begin(), b.model.end());
  EXPECT_EQ(joined, as_set(all));
  const uint64_t first = random() % kSpan, count = 1 + random() % 20;
  Model window(a.model.lower_bound(first), a.model.lower_bound(first + count));
  EXPECT_EQ(a.set.within(pages(first, count)), as_set(window));
  EXPECT_EQ(a.set.intersects(pages(first, count)), !window.empty());
  EXPECT_EQ(a.set.covers(pages(first, count)), window.size() == count);
  EXPECT_EQ(a.set.contains(first * kPageBytes + 7), a.model.contains(first));
  const auto next = a.model.lower_bound(first);
  const auto found = a.set.find_from(first * kPageBytes);
  ASSERT_EQ(found.has_value(), next != a.model.end());
  if (!found) return;
  EXPECT_EQ(std::max(found->start / kPageBytes, first), *next);
}

TEST(PageSet, IsWhatASetOfPagesWouldBe) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    Pair a, b;
    for (int step = 0; step < 100; ++step) {
      change(random() % 2 ? a : b, random);
      if (step % 5 != 0) continue;  // so that inserts gather in between
      compare(a, b, random);
      check_shape(a.set);
      EXPECT_EQ(PageSet::decode(a.set.encode()), a.set);
    }
  }
}

TEST(PageSet, DecodesNothingThatWasNotEncoded) {
  const PageSet good{pages(5, 3), pages(1000, 1), pages(uint64_t{1} << 34, 100)};
  const auto bytes = good.encode();
  EXPECT_LT(bytes.size(), 20u);
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_THROW(PageSet::decode(std::span(bytes).first(length)), base::Error) << length;
  }
  std::mt19937_64 random(7);
  for (int i = 0; i < 20000; ++i) {
    std::vector<std::byte> noise(random() % 24);
    for (auto& byte : noise) byte = static_cast<std::byte>(random() % 4 == 0 ? random() : random() % 4);
    try {
      const PageSet set = PageSet::decode(noise);
      check_shape(set);
    } catch (const base::Error&) {
    }
  }
}

// A random writer's pages: each its own range. Far from linear time, this would take minutes.
TEST(PageSet, HoldsMillionsOfRangesInsertedInAnyOrder) {
  PageSet set;
  constexpr uint64_t kCount = 2'000'000;
  for (uint64_t i = 0; i < kCount; ++i) set.insert(pages(i * 7919 % kCount * 2, 1));
  EXPECT_EQ(set.pages(), kCount);
  EXPECT_EQ(set.ranges().size(), kCount);
  PageSet odd;
  for (uint64_t i = 0; i < kCount; i += 2) odd.insert(pages(i * 2, 1));
  EXPECT_EQ(set.difference(odd).pages(), kCount / 2);
}

}  // namespace
}  // namespace ferry::memory
