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

constexpr std::array<uint64_t, 10> kEntries = {
    0x8180000000123456,  // 0 present, dirty, mapped once
    0x8100000000123457,  // 1 present, clean
    0x0080000000000000,  // 2 nothing there, in a VMA that is new (dirty as a whole)
    0x0000000000000000,  // 3 nothing there
    0x4080000000000a01,  // 4 swapped, dirty
    0x4000000000000a01,  // 5 swapped, clean
    0xa180000000123458,  // 6 present, dirty, of a file or shared
    0x8380000000123459,  // 7 present, dirty, marked by a userfaultfd
    0x0400000000000000,  // 8 a guard (6.15)
    0x0480000000000000,  // 9 a guard in a new VMA
};

TEST(SoftDirty, TellsWhatIsDirtyPresentAndGuarded) {
  FrozenScan scan;
  judge_entries(kStart, kEntries, true, scan);
  EXPECT_EQ(scan.written, (PageSet{entries(0, 1), entries(4, 1), entries(6, 2)}));
  EXPECT_EQ(scan.present, (PageSet{entries(0, 2), entries(4, 4)}));
  EXPECT_EQ(scan.guards, PageSet{entries(8, 2)});
  EXPECT_TRUE(scan.zero.empty());
}

TEST(SoftDirty, BeforeTheFirstClearingAllThatIsPresentCounts) {
  FrozenScan scan;
  judge_entries(kStart, kEntries, false, scan);
  EXPECT_EQ(scan.written, scan.present);
  EXPECT_EQ(scan.present, (PageSet{entries(0, 2), entries(4, 4)}));
}

TEST(SoftDirty, TracksNobodyWhoIsNotThere) { EXPECT_FALSE(SoftDirtyTracker::try_make(1 << 30)); }

}  // namespace
}  // namespace ferry::memory
