// SPDX-License-Identifier: Apache-2.0
#include "memory/far_pages.h"
#include "memory/settle_state.h"

#include <gtest/gtest.h>

#include <cstring>

namespace ferry::memory {
namespace {

constexpr uint64_t kPage = kPageBytes;

class FarPagesTest : public ::testing::Test {
 protected:
  // Space 7 in slot 0: pages 1 … 9 and 100 … 299; space 8 in slot 1: page 5.
  FarPagesTest() {
    PageSet first{{1 * kPage, 10 * kPage}, {100 * kPage, 300 * kPage}};
    const FarPages::Space spaces[] = {{7, 0, first}, {8, 1, {{5 * kPage, 6 * kPage}}}};
    fd_ = make_memfd("far");
    FarPages::write(fd_.get(), spaces);
  }
  base::Fd fd_;
};

AddressRange pages_between(uint64_t from, uint64_t to) { return {from * kPage, to * kPage}; }

TEST_F(FarPagesTest, RunsAreToldAsLongAsTheyAre) {
  const FarPages far(fd_.get());
  EXPECT_EQ(far.bytes_left(), 210 * kPage);
  auto run = far.look(0, {0, kSpaceEnd});
  EXPECT_FALSE(run.far);
  EXPECT_EQ(run.range, pages_between(0, 1));
  run = far.look(0, {kPage, kSpaceEnd});
  EXPECT_TRUE(run.far);
  EXPECT_EQ(run.range, pages_between(1, 10));
  run = far.look(0, {10 * kPage, kSpaceEnd});
  EXPECT_EQ(run.range, pages_between(10, 100));
  EXPECT_EQ(far.look(0, {100 * kPage, kSpaceEnd}).range, pages_between(100, 300));
  EXPECT_EQ(far.look(0, {150 * kPage, 160 * kPage}).range, pages_between(150, 160));
  EXPECT_EQ(far.look(0, {300 * kPage, kSpaceEnd}).range.end, kSpaceEnd);
  EXPECT_FALSE(far.look(2, {0, kSpaceEnd}).far);
}

TEST_F(FarPagesTest, WhatIsHereIsTakenOutOnceForEveryMapping) {
  FarPages far(fd_.get());
  const FarPages other(fd_.get());
  far.clear(0, pages_between(120, 250));
  far.clear(0, pages_between(110, 130));
  EXPECT_EQ(other.bytes_left(), (210 - 140) * kPage);
  EXPECT_EQ(other.look(0, pages_between(100, 300)).range, pages_between(100, 110));
  const auto gap = other.look(0, pages_between(110, 300));
  EXPECT_FALSE(gap.far);
  EXPECT_EQ(gap.range, pages_between(110, 250));
  far.clear(0, {0, kSpaceEnd});
  far.clear(1, {0, kSpaceEnd});
  EXPECT_EQ(other.bytes_left(), 0u);
}

TEST_F(FarPagesTest, APageIsAskedForOnceUntilThatIsForgotten) {
  FarPages far(fd_.get());
  EXPECT_TRUE(far.ask(0, 105 * kPage));
  EXPECT_TRUE(far.ask(0, 105 * kPage));
  EXPECT_TRUE(far.ask(1, 5 * kPage));
  const auto first = far.next_asked();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->pid, 7);
  EXPECT_EQ(first->ranges, std::vector{pages_between(105, 106)});
  EXPECT_EQ(far.next_asked()->pid, 8);
  EXPECT_FALSE(far.next_asked());
  EXPECT_TRUE(far.ask(0, 105 * kPage));
  EXPECT_FALSE(far.next_asked());
  far.forget_asked();
  EXPECT_TRUE(far.ask(0, 105 * kPage));
  EXPECT_TRUE(far.next_asked());
}

TEST_F(FarPagesTest, WhatHasComeMeanwhileIsNotFetched) {
  FarPages far(fd_.get());
  EXPECT_TRUE(far.ask(0, 105 * kPage));
  far.clear(0, pages_between(105, 106));
  EXPECT_FALSE(far.next_asked());
}

TEST_F(FarPagesTest, TheRestComesInPiecesOfOneSpace) {
  FarPages far(fd_.get());
  far.clear(0, pages_between(110, 111));
  uint64_t at = 0, total = 0;
  std::vector<int32_t> pids;
  while (const auto piece = far.next_far(at, 64 * kPage)) {
    EXPECT_LE(piece->bytes(), 64 * kPage);
    total += piece->bytes();
    if (pids.empty() || pids.back() != piece->pid) pids.push_back(piece->pid);
  }
  EXPECT_EQ(total, far.bytes_left());
  EXPECT_EQ(pids, (std::vector<int32_t>{7, 8}));
}

TEST_F(FarPagesTest, NearIsTheWindowWithoutThePageItself) {
  FarPages far(fd_.get());
  const auto piece = far.near(0, 130 * kPage, 16 * kPage);  // pages 128 … 143
  EXPECT_EQ(piece.ranges, (std::vector{pages_between(128, 130), pages_between(131, 144)}));
  EXPECT_EQ(far.near(0, 5 * kPage, 16 * kPage).ranges, (std::vector{pages_between(1, 5), pages_between(6, 10)}));
}

TEST_F(FarPagesTest, AStoredPageThatWasWrittenSinceIsElsewhere) {
  FarPages far(fd_.get());
  Store store;
  const std::vector<std::byte> old(2 * kPage, std::byte{1});
  store.put(7, 99 * kPage, old, 0);
  FarSpace space(store.fd(), 0, far);
  auto piece = space.look(pages_between(99, 102));
  EXPECT_EQ(piece.kind, Backing::Kind::kData);
  EXPECT_EQ(piece.range, pages_between(99, 100));
  EXPECT_EQ(space.look(pages_between(100, 102)).kind, Backing::Kind::kElsewhere);
  far.clear(0, pages_between(100, 101));
  EXPECT_EQ(space.look(pages_between(100, 102)).kind, Backing::Kind::kData);
  EXPECT_TRUE(space.request(pages_between(101, 102), Backing::Urgency::kFault));
  EXPECT_TRUE(far.next_asked());
  space.drop(pages_between(99, 103));
  EXPECT_EQ(space.look(pages_between(99, 103)).kind, Backing::Kind::kAbsent);
}

}  // namespace
}  // namespace ferry::memory
