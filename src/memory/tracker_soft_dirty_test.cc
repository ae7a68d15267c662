// SPDX-License-Identifier: Apache-2.0
//
// Entries in the layout of Documentation/admin-guide/mm/pagemap.rst, as a kernel with CONFIG_MEM_SOFT_DIRTY gives them.
#include "memory/tracker_soft_dirty.h"

#include <gtest/gtest.h>

#include <array>

#include "memory/test_pages.h"

namespace ferry::memory {
namespace {

constexpr uint64_t kStart = 0x7f0000000000;

AddressRange entries(uint64_t first, uint64_t count) { return pages(first, count, kStart); }

constexpr uint64_t kZeroFrame = 0x3a5f;
constexpr std::array<uint64_t, 13> kEntries = {
    0x8180000000123456,  // 0 present, dirty, mapped once
    0x8100000000123457,  // 1 present, clean
    0x0080000000000000,  // 2 nothing there, in a VMA that is new (dirty as a whole)
    0x0000000000000000,  // 3 nothing there
    0x4080000000000a01,  // 4 swapped, dirty
    0x4000000000000a01,  // 5 swapped, clean
    0xa100000000123400,  // 6 present, clean, not anonymous: of the huge page of zeros
    0x8380000000123459,  // 7 present, dirty, marked by a userfaultfd
    0x0400000000000000,  // 8 a guard (6.15)
    0x0480000000000000,  // 9 a guard in a new VMA
    0x8000000000003a5f,  // 10 present, clean, the page of zeros
    0x8080000000003a5f,  // 11 the same in a new VMA
    0x4000000000003a5f,  // 12 swapped: no frame
};

TEST(SoftDirty, TellsWhatIsDirtyPresentAndGuarded) {
  EntryScan scan;
  judge_entries(kStart, kEntries, {true, kZeroFrame}, scan);
  EXPECT_EQ(scan.written, (PageSet{entries(0, 1), entries(4, 1), entries(7, 1)}));
  EXPECT_EQ(scan.present, (PageSet{entries(0, 2), entries(4, 4), entries(10, 3)}));
  EXPECT_EQ(scan.guards, PageSet{entries(8, 2)});
}

TEST(SoftDirty, BeforeTheFirstClearingAllThatIsPresentCounts) {
  EntryScan scan;
  judge_entries(kStart, kEntries, {false, kZeroFrame}, scan);
  EXPECT_EQ(scan.written, scan.present.difference(scan.unwritten));
}

// Whoever knows what they were before decides whether they are news.
TEST(SoftDirty, PagesOfZerosAreNeverDirty) {
  EntryScan scan;
  judge_entries(kStart, kEntries, {true, kZeroFrame}, scan);
  EXPECT_EQ(scan.unwritten, (PageSet{entries(6, 1), entries(10, 2)}));
  EXPECT_EQ(scan.zero, PageSet{entries(10, 2)});
  EntryScan without_frame;
  judge_entries(kStart, kEntries, {true, 0}, without_frame);
  EXPECT_EQ(without_frame.unwritten, PageSet{entries(6, 1)});
}

TEST(SoftDirty, TracksNobodyWhoIsNotThere) { EXPECT_FALSE(SoftDirtyTracker::try_make(1 << 30)); }

}  // namespace
}  // namespace ferry::memory
