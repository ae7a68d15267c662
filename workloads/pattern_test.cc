// SPDX-License-Identifier: Apache-2.0
#include "pattern.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace ferry::workloads {
namespace {

uint64_t bad_pages(const Pattern& pattern) {
  uint64_t bad = 0;
  for (uint64_t page = 0; page < pattern.pages(); ++page) bad += pattern.wrong(page) ? 1 : 0;
  return bad;
}

TEST(Pattern, IsRightAfterAnyNumberOfWrites) {
  for (const auto& [pages, hot] : std::vector<std::pair<uint64_t, uint64_t>>{
           {1, 1}, {2, 2}, {7, 7}, {16, 5}, {30, 30}, {64, 1}, {97, 96}, {10, 1000}, {10, 0}}) {
    Pattern pattern(pages, hot);
    for (int i = 0; i < 400; ++i) {
      ASSERT_EQ(bad_pages(pattern), 0u) << pages << " " << hot << " after " << i;
      pattern.write_next();
    }
    EXPECT_EQ(pattern.writes(), 400u);
  }
}

TEST(Pattern, EachHotPageIsWrittenOnceInAPass) {
  Pattern pattern(100, 60);
  for (int i = 0; i < 60; ++i) pattern.write_next();
  for (uint64_t page = 0; page < 100; ++page) {
    EXPECT_EQ(pattern.page_words(page)[1] != 0, page < 60) << page;
  }
}

class PatternHarm : public ::testing::Test {
 protected:
  PatternHarm() : pattern_(20, 20) {
    for (int i = 0; i < 33; ++i) pattern_.write_next();
  }
  char* at(uint64_t page) { return reinterpret_cast<char*>(pattern_.page_words(page)); }
  Pattern pattern_;
};

TEST_F(PatternHarm, EveryChangedByteIsFound) {
  for (size_t byte = 0; byte < kPageBytes; ++byte) {
    at(3)[byte] ^= 1;
    EXPECT_TRUE(pattern_.wrong(3)) << byte;
    at(3)[byte] ^= 1;
  }
  EXPECT_EQ(bad_pages(pattern_), 0u);
}

TEST_F(PatternHarm, LostAndMisplacedPagesAreFound) {
  std::memset(at(5), 0, kPageBytes);
  std::memcpy(at(6), at(7), kPageBytes);
  EXPECT_EQ(bad_pages(pattern_), 2u);
}

TEST_F(PatternHarm, PageThatIsRightButOldIsFound) {
  std::vector<char> old(kPageBytes);
  std::memcpy(old.data(), at(4), kPageBytes);
  for (int i = 0; i < 20; ++i) pattern_.write_next();
  EXPECT_EQ(bad_pages(pattern_), 0u);
  std::memcpy(at(4), old.data(), kPageBytes);
  EXPECT_TRUE(pattern_.wrong(4));
}

TEST_F(PatternHarm, PageFromTheFutureIsFound) {
  // As if only the writer's own state had been lost.
  Pattern other(20, 20);
  for (int i = 0; i < 20; ++i) other.write_next();
  std::memcpy(other.page_words(4), at(4), kPageBytes);
  std::memcpy(other.page_words(8), at(8), kPageBytes);
  EXPECT_GE(bad_pages(other), 1u);
}

}  // namespace
}  // namespace ferry::workloads
