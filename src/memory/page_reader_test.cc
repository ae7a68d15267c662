// SPDX-License-Identifier: Apache-2.0
#include "memory/page_reader.h"

#include <gtest/gtest.h>

#include <cstring>

#include "memory/test_child.h"

namespace ferry::memory {
namespace {

char mark_of(uint64_t page) { return static_cast<char>(page % 127 + 1); }

void fill(const Region& region, uint64_t pages) {
  for (uint64_t page = 0; page < pages; ++page) std::memset(region.at(page), mark_of(page), kPageBytes);
}

TEST(PageReader, ReadsManyRangesInOrder) {
  constexpr uint64_t kPages = 3000;  // more ranges than one call takes
  const Region region(kPages * 2);
  fill(region, kPages * 2);
  TestChild child([](int) {});
  auto reader = PageReader::try_open(child.pid());
  ASSERT_TRUE(reader);
  std::vector<AddressRange> ranges;
  for (uint64_t page = 0; page < kPages; ++page) ranges.push_back(region.pages(2 * page, 1));
  std::vector<std::byte> into(kPages * kPageBytes);
  EXPECT_EQ(reader->read(ranges, into), ranges);
  for (uint64_t page = 0; page < kPages; ++page) {
    EXPECT_EQ(static_cast<char>(into[page * kPageBytes + 77]), mark_of(2 * page));
  }
}

TEST(PageReader, LeavesOutWhatHasVanished) {
  const Region region(16);
  fill(region, 16);
  TestChild child([&](int) {
    ::munmap(region.at(3), 2 * kPageBytes);
    ::munmap(region.at(15), kPageBytes);
  });
  child.do_step(0);
  auto reader = PageReader::try_open(child.pid());
  const std::vector<AddressRange> ranges = {region.pages(0, 8), region.pages(12, 4)};
  std::vector<std::byte> into(12 * kPageBytes);
  const auto got = reader->read(ranges, into);
  EXPECT_EQ(got, (std::vector{region.pages(0, 3), region.pages(5, 3), region.pages(12, 3)}));
  EXPECT_EQ(static_cast<char>(into[6 * kPageBytes]), mark_of(6)) << "what was read keeps its place";
  EXPECT_EQ(static_cast<char>(into[8 * kPageBytes]), mark_of(12));
}

TEST(PageReader, ReadsWhatTheTaskItselfMayNot) {
  const Region region(200);
  fill(region, 200);
  TestChild child([&](int) { ::mprotect(region.at(10), 150 * kPageBytes, PROT_NONE); });
  child.do_step(0);
  auto reader = PageReader::try_open(child.pid());
  const std::vector<AddressRange> ranges = {region.whole()};
  std::vector<std::byte> into(200 * kPageBytes);
  EXPECT_EQ(reader->read(ranges, into), ranges);
  for (uint64_t page = 0; page < 200; ++page) EXPECT_EQ(static_cast<char>(into[page * kPageBytes]), mark_of(page));
}

TEST(PageReader, OfNobodyIsNothing) { EXPECT_FALSE(PageReader::try_open(1 << 30)); }

TEST(IsZero, SeesEverySingleByte) {
  std::vector<std::byte> page(kPageBytes);
  EXPECT_TRUE(is_zero(page.data(), page.size()));
  for (size_t at = 0; at < page.size(); ++at) {
    page[at] = std::byte{1};
    EXPECT_FALSE(is_zero(page.data(), page.size())) << at;
    page[at] = std::byte{0};
  }
}

}  // namespace
}  // namespace ferry::memory
