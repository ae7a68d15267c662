// SPDX-License-Identifier: Apache-2.0
//
// The tracker on live processes: each test is a kernel behaviour that could make a page be lost.

#include <gtest/gtest.h>

#include <cstring>

#include "memory/tracker_fixture.h"

namespace ferry::memory {
namespace {

// They belong to the task, know of no registration, and are looked up by pid.
constexpr const char* kNotByBits = "soft-dirty bits are otherwise";

TEST_F(TrackerTest, TellsWhatWasWrittenSinceTheLastScan) {
  const Region region(64);
  std::memset(region.at(0), 1, 8 * kPageBytes);
  TestChild child([&](int page) { *region.at(page) = 2; });
  ASSERT_NO_FATAL_FAILURE(track(child.pid()));
  EXPECT_EQ(scan().written.within(region.whole()), PageSet{region.pages(0, 8)});
  EXPECT_TRUE(scan().written.within(region.whole()).empty());
  child.do_step(3);
  child.do_step(40);
  EXPECT_EQ(scan().written.within(region.whole()), (PageSet{region.pages(3, 1), region.pages(40, 1)}));
  EXPECT_TRUE(scan().written.within(region.whole()).empty());
}

TEST_F(TrackerTest, ScansMoreRangesThanOneCallTells) {
  constexpr uint64_t kMany = 20'000;  // every other page: each a range of its own
  const Region region(2 * kMany);
  ::madvise(region.at(0), region.whole().bytes(), MADV_NOHUGEPAGE);
  TestChild child([&](int first) {
    for (uint64_t page = first; page < 2 * kMany; page += 2) *region.at(page) = 1;
  });
  child.do_step(0);
  ASSERT_NO_FATAL_FAILURE(track(child.pid()));
  const PageSet first = scan().written.within(region.whole());
  EXPECT_EQ(first.pages(), kMany);
  child.do_step(0);
  EXPECT_EQ(scan().written.within(region.whole()), first);
  EXPECT_TRUE(scan().written.within(region.whole()).empty());
}

TEST_F(TrackerTest, SeesMemoryThatComesGrowsMovesAndGoes) {
  if (support_.backend != Backend::kUffdWp) GTEST_SKIP() << kNotByBits;
  const Region arena(64, PROT_NONE);  // addresses to play with
  TestChild child([&](int step) {
    constexpr int kFixed = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    if (step == 0) ::mmap(arena.at(8), 4 * kPageBytes, PROT_READ | PROT_WRITE, kFixed, -1, 0);
    if (step == 0) std::memset(arena.at(8), 1, 4 * kPageBytes);
    if (step == 1) ::mremap(arena.at(8), 4 * kPageBytes, 4 * kPageBytes, MREMAP_MAYMOVE | MREMAP_FIXED, arena.at(40));
    if (step == 2) ::munmap(arena.at(42), 2 * kPageBytes);
    if (step == 3) ::mmap(arena.at(42), 2 * kPageBytes, PROT_READ | PROT_WRITE, kFixed, -1, 0);
    if (step == 3) *arena.at(43) = 7;
  });
  ASSERT_NO_FATAL_FAILURE(track(child.pid()));
  scan();
  child.do_step(0);
  EXPECT_TRUE(scan().written.covers(arena.pages(8, 4)));
  child.do_step(1);
  const Scan moved = scan();
  EXPECT_TRUE(moved.added.covers(arena.pages(40, 4)));
  EXPECT_EQ(moved.written.within(arena.whole()), PageSet{arena.pages(40, 4)});
  EXPECT_TRUE(moved.removed.covers(arena.pages(8, 4)));
  child.do_step(2);
  EXPECT_TRUE(scan().removed.covers(arena.pages(42, 2)));
  child.do_step(3);
  EXPECT_EQ(scan().written.within(arena.whole()), PageSet{arena.pages(43, 1)});
}

TEST_F(TrackerTest, SeesMemoryReplacedBehindItsBackBetweenTwoScans) {
  const Region region(8);
  std::memset(region.at(0), 1, 8 * kPageBytes);
  TestChild child([&](int) {
    ::mmap(region.at(2), 2 * kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    std::memset(region.at(2), 9, 2 * kPageBytes);
  });
  ASSERT_NO_FATAL_FAILURE(track(child.pid()));
  scan();
  child.do_step(0);
  EXPECT_TRUE(scan().written.covers(region.pages(2, 2)));
}

// What mremap brings back next to its old neighbours merges with them, and takes their registration with it, but not the
// marks in their page tables: a page that is written then must not look clean from there on.
TEST_F(TrackerTest, MarksOfALostRegistrationHideNothing) {
  const Region region(24);
  TestChild child([&](int step) {
    // Memory of its own, not forked: only such merges.
    constexpr int kFixed = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    if (step == 0) ::mmap(region.at(0), 16 * kPageBytes, PROT_READ | PROT_WRITE, kFixed, -1, 0);
    if (step == 0) std::memset(region.at(0), 1, 16 * kPageBytes), ::munmap(region.at(16), 8 * kPageBytes);
    if (step == 1) ::mremap(region.at(8), 4 * kPageBytes, 4 * kPageBytes, MREMAP_MAYMOVE | MREMAP_FIXED, region.at(18));
    if (step == 2) ::mremap(region.at(18), 4 * kPageBytes, 4 * kPageBytes, MREMAP_MAYMOVE | MREMAP_FIXED, region.at(8));
    if (step >= 2) *region.at(3) = static_cast<char>(step), *region.at(13) = static_cast<char>(step);
  });
  child.do_step(0);
  ASSERT_NO_FATAL_FAILURE(track(child.pid()));
  scan();
  child.do_step(1);
  scan();
  for (int step = 2; step < 6; ++step) {
    child.do_step(step);
    const PageSet written = scan().written;
    EXPECT_TRUE(written.covers(region.pages(3, 1))) << step;
    EXPECT_TRUE(written.covers(region.pages(13, 1))) << step;
  }
}

TEST_F(TrackerTest, AnExecEndsIt) {
  if (support_.backend != Backend::kUffdWp) GTEST_SKIP() << kNotByBits;
  TestChild child([](int) { ::execlp("sleep", "sleep", "60", nullptr); });
  ASSERT_NO_FATAL_FAILURE(track(child.pid()));
  scan();
  EXPECT_TRUE(tracker_->tracks(child.pid()));
  child.start_step(0);
  while (kernel::comm_of(child.pid()) != "sleep") ::usleep(1000);
  EXPECT_FALSE(tracker_->tracks(child.pid()));
  EXPECT_FALSE(tracker_->try_scan(try_plane_of(child.pid()).value()));
}

TEST_F(TrackerTest, LeavesNothingBehind) {
  if (support_.backend != Backend::kUffdWp) GTEST_SKIP() << kNotByBits;
  const Region region(64);
  TestChild child([&](int page) { *region.at(page) = 2; });
  for (int page = 0; page < 64; ++page) child.do_step(page);
  const auto before = try_read_smaps(child.pid()).value();
  const auto files_before = kernel::open_files(child.pid());
  ASSERT_NO_FATAL_FAILURE(track(child.pid()));
  scan();
  scan();
  child.do_step(5);
  tracker_.reset();
  const auto after = try_read_smaps(child.pid()).value();
  ASSERT_EQ(after.size(), before.size());
  for (size_t i = 0; i < after.size(); ++i) EXPECT_EQ(after[i], before[i]) << after[i].name;
  EXPECT_EQ(kernel::open_files(child.pid()).size(), files_before.size());
  EXPECT_EQ(kernel::status_field(child.pid(), "TracerPid"), "0");
  // No mark of protection in any page table either: a tracker that starts now sees writes as ever.
  const auto pagemap = kernel::Pagemap::try_open(child.pid());
  uint64_t entries[64] = {};
  ASSERT_EQ(pagemap->read_entries(region.whole().start, entries), 64u);
  for (const uint64_t entry : entries) EXPECT_FALSE(entry & kernel::kEntryProtected);
}

}  // namespace
}  // namespace ferry::memory
