// SPDX-License-Identifier: Apache-2.0
#include "memory/known_pages.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>

namespace ferry::memory {
namespace {

class KnownPagesTest : public ::testing::Test {
 protected:
  using Page = std::array<std::byte, kPageBytes>;
  static Page page(int value) {
    Page page{};
    page[100] = std::byte(value);
    return page;
  }
  static std::vector<std::byte> pages(const std::vector<int>& values) {
    std::vector<std::byte> all;
    for (const int value : values) {
      const auto one = page(value);
      all.insert(all.end(), one.begin(), one.end());
    }
    return all;
  }
};

TEST_F(KnownPagesTest, AnImageIsRunsOfThem) {
  KnownPages known;
  for (const int value : {1, 2, 3, 4}) EXPECT_TRUE(known.add(page(value)));
  EXPECT_FALSE(known.add(page(3)));
  EXPECT_EQ(known.size(), 4u);
  EXPECT_EQ(known.runs_of(pages({2, 3, 9, 8, 1, 1, 4})),
            (std::vector<PageRun>{{2, 2}, {0, 2}, {1, 1}, {1, 1}, {4, 1}}));
  EXPECT_EQ(known.runs_of({}), std::vector<PageRun>());
  EXPECT_EQ(known.runs_of(pages({0, 0, 4, 0})),
            (std::vector<PageRun>{{PageRun::kZero, 2}, {4, 1}, {PageRun::kZero, 1}}));
}

TEST_F(KnownPagesTest, TheShelfHasThem) {
  PageShelf shelf;
  shelf.append(pages({1, 2}));
  shelf.append(pages({3}));
  const base::Fd file(::memfd_create("image", MFD_CLOEXEC));
  EXPECT_TRUE(shelf.write({2, 2}, file.get(), kPageBytes));
  EXPECT_TRUE(shelf.write({1, 1}, file.get(), 0));
  EXPECT_FALSE(shelf.write({3, 2}, file.get(), 0)) << "there are three";
  EXPECT_FALSE(shelf.write({PageRun::kUnknown, 1}, file.get(), 0));
  EXPECT_FALSE(shelf.write({PageRun::kZero, 1}, file.get(), 0));
  const auto text = base::read_file(fmt::format("/proc/self/fd/{}", file.get()));
  const auto expected = pages({1, 2, 3});
  EXPECT_TRUE(std::ranges::equal(std::as_bytes(std::span(text)), expected));
}

}  // namespace
}  // namespace ferry::memory
