// SPDX-License-Identifier: Apache-2.0
//
// The steps of the fill, one at a time, on memory of the test's own process: what is in place is
// asked of the kernel (mincore).
#include "memory/family.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>

#include "memory/store.h"

namespace ferry::memory {
namespace {

using Put = AddressSpace::Put;

class FamilyTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kPages = 256;
  void SetUp() override {
    auto uffd = kernel::Userfaultfd::try_make(0);
    if (!uffd) GTEST_SKIP() << "this kernel has no userfaultfd for us";
    void* mapped = ::mmap(nullptr, kPages * kPageBytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(mapped, MAP_FAILED);
    base_ = reinterpret_cast<uint64_t>(mapped);
    ASSERT_EQ(uffd->try_register(all(), kernel::UffdMode::kMissing), kernel::UffdEnd::kDone);
    member_ = std::make_unique<AddressSpace>(0, uffd->release());
  }
  void TearDown() override {
    if (member_) member_->close();
    if (base_ != 0) ::munmap(reinterpret_cast<void*>(base_), kPages * kPageBytes);
  }

  AddressRange all() const { return pages(0, kPages); }
  AddressRange pages(uint64_t first, uint64_t end) const {
    return {base_ + first * kPageBytes, base_ + end * kPageBytes};
  }
  void store(uint64_t first, uint64_t end, unsigned round = 0) {
    for (uint64_t page = first; page < end; ++page) {
      const std::vector<std::byte> content(kPageBytes, static_cast<std::byte>(page % 255 + 1));
      store_.put(1, base_ + page * kPageBytes, content, round);
    }
  }
  Family& family() {
    if (!family_) {
      const SpacePlan plan = store_.plans().at(0);
      family_ = std::make_unique<Family>(std::make_unique<StoredSpace>(store_.fd(), plan.slot),
                                         plan, buffer_);
      family_->members.push_back(member_.get());
    }
    return *family_;
  }
  std::vector<uint64_t> present() const {
    std::vector<unsigned char> there(kPages);
    EXPECT_EQ(::mincore(reinterpret_cast<void*>(base_), kPages * kPageBytes, there.data()), 0);
    std::vector<uint64_t> pages;
    for (uint64_t page = 0; page < kPages; ++page) {
      if ((there[page] & 1) != 0) pages.push_back(page);
    }
    return pages;
  }
  int content(uint64_t page) const {
    return *reinterpret_cast<unsigned char*>(base_ + page * kPageBytes);
  }
  using What = Family::Served::What;
  void serve(uint64_t page, uint64_t byte, What expected) {
    const auto [step, what, end] = family().serve(*member_, base_ + page * kPageBytes + byte);
    ASSERT_EQ(step.put, Put::kDone);
    EXPECT_EQ(what, expected);
  }
  static std::vector<uint64_t> consecutive(uint64_t first, uint64_t end) {
    std::vector<uint64_t> pages(end - first);
    std::iota(pages.begin(), pages.end(), first);
    return pages;
  }
  void fill_all() {
    for (bool more = true; more;)
      ASSERT_EQ(family().fill(Family::Pass::kRest, kBatchBytes, more).put, Put::kDone);
  }

  uint64_t base_ = 0;
  Store store_;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(kBatchBytes);
  std::unique_ptr<AddressSpace> member_;
  std::unique_ptr<Family> family_;
};

using Pages = std::vector<uint64_t>;

TEST_F(FamilyTest, HotPagesComeFirst) {
  store(0, 200);
  store(50, 52, 1);
  store(90, 91, 2);
  bool more = true;
  while (more) ASSERT_EQ(family().fill(Family::Pass::kHot, kBatchBytes, more).put, Put::kDone);
  EXPECT_EQ(present(), (Pages{50, 51, 90}));
  EXPECT_EQ(content(90), 91);
  EXPECT_EQ(store_.bytes_held(), 197 * kPageBytes);
  fill_all();
  EXPECT_EQ(present().size(), 200u);
  EXPECT_TRUE(family().is_empty());
  for (uint64_t page = 0; page < 200; ++page)
    ASSERT_EQ(content(page), static_cast<int>(page % 255 + 1));
}

TEST_F(FamilyTest, AFaultBringsWhatComesAfterItInItsWindow) {
  store(0, kPages);
  constexpr uint64_t kWindow = kFaultWindowBytes / kPageBytes, kAtOnce = kFaultBytes / kPageBytes;
  const uint64_t first = kWindow - base_ / kPageBytes % kWindow;
  serve(first + 2, 17, What::kContent);
  EXPECT_EQ(present(), consecutive(first + 2, first + 2 + kAtOnce));
  serve(first + kWindow - 1, 0, What::kContent);
  EXPECT_EQ(present().size(), kAtOnce + 1) << "the next window has a fault of its own";
  EXPECT_EQ(store_.bytes_held(), (kPages - present().size()) * kPageBytes);
}

TEST_F(FamilyTest, WhatIsNearComesStepByStep) {
  store(0, kPages);
  AddressRange left = pages(40, 49);
  for (uint64_t done = 44; done <= 48; done += kFaultBytes / kPageBytes) {
    ASSERT_EQ(family().serve_near(*member_, left).put, Put::kDone);
    EXPECT_EQ(left, pages(done, 49));
    EXPECT_EQ(present(), consecutive(40, done));
  }
  ASSERT_EQ(family().serve_near(*member_, left).put, Put::kDone);
  EXPECT_EQ(left, pages(49, 49));
  EXPECT_EQ(present(), consecutive(40, 49));
}

TEST_F(FamilyTest, ASmallBatchOfTheFill) {
  store(0, kPages);
  bool more = false;
  ASSERT_EQ(family().fill(Family::Pass::kRest, 3 * kPageBytes, more).put, Put::kDone);
  EXPECT_TRUE(more);
  EXPECT_EQ(present(), consecutive(0, 3));
  fill_all();
  EXPECT_EQ(present().size(), kPages);
}

TEST_F(FamilyTest, TheFaultOfAPageThatIsNotStoredIsZero) {
  store(0, 1);
  serve(100, 0, What::kZeros);
  EXPECT_EQ(content(100), 0);
}

TEST_F(FamilyTest, HolesAndPagesOfZerosAreNotCopied) {
  store(0, 3);
  store(5, 6);
  store_.put(1, base_ + 4 * kPageBytes, std::vector<std::byte>(kPageBytes), 0);
  fill_all();
  EXPECT_EQ(present(), (Pages{0, 1, 2, 5}));
  EXPECT_TRUE(family().is_empty());
  serve(4, 0, What::kZeros);
  EXPECT_EQ(content(4), 0);
}

TEST_F(FamilyTest, TheFaultOfAStoredPageOfZeros) {
  store_.put(1, base_ + 4 * kPageBytes, std::vector<std::byte>(kPageBytes), 0);
  serve(4, 0, What::kContent);
  EXPECT_EQ(present(), Pages{4});
  EXPECT_EQ(content(4), 0);
}

TEST_F(FamilyTest, WhatIsThereAlreadyStaysAsItIs) {
  store(0, 64);
  uint64_t homeless = 0;
  const std::vector<std::byte> written(kPageBytes, std::byte{0xaa});
  ASSERT_EQ(member_->put(base_ + 10 * kPageBytes, written, homeless), Put::kDone);
  fill_all();
  EXPECT_EQ(content(10), 0xaa);
  EXPECT_EQ(content(11), 12);
  EXPECT_TRUE(family().is_empty());
}

TEST_F(FamilyTest, WhatIsMovedArrivesWhereItIsNow) {
  store(0, 20);
  EXPECT_TRUE(family().move(*member_, base_, base_ + 100 * kPageBytes, 20 * kPageBytes));
  EXPECT_TRUE(family().remove(*member_, pages(105, 110)));
  EXPECT_EQ(store_.bytes_held(), 15 * kPageBytes) << "what was removed is given back at once";
  EXPECT_FALSE(family().remove(*member_, pages(200, 210))) << "nothing is stored there";
  fill_all();
  EXPECT_EQ(content(100), 1);
  EXPECT_EQ(content(119), 20);
  EXPECT_EQ(present().size(), 15u);
}

// Two VMAs, with a hole and memory between them that is not registered.
TEST_F(FamilyTest, PagesWithoutAHomeAreGivenUpOnlyInTheSecondPass) {
  store(0, 64);
  ::munmap(reinterpret_cast<void*>(pages(20, 22).start), 2 * kPageBytes);
  ASSERT_EQ(member_->uffd().try_unregister(pages(30, 33)), kernel::UffdEnd::kDone);
  fill_all();
  EXPECT_EQ(family().homeless_bytes(), 5 * kPageBytes);
  EXPECT_FALSE(family().is_empty());
  EXPECT_EQ(family().given_up_bytes(), 0u);
  family().give_up_homeless();
  fill_all();
  EXPECT_TRUE(family().is_empty());
  EXPECT_EQ(family().given_up_bytes(), 5 * kPageBytes);
  EXPECT_EQ(content(19), 20);
  EXPECT_EQ(content(23), 24);
  EXPECT_EQ(content(33), 34);
  EXPECT_EQ(content(31), 0);
}

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif

// Guards that are set in memory which is being filled: the kernel tells nobody, and a copy would replace them.
class FamilyGuardsTest : public FamilyTest {
 protected:
  void SetUp() override {
    FamilyTest::SetUp();
    if (IsSkipped()) return;
    member_->host_pid = ::getpid();
    if (advise(pages(0, 1), MADV_GUARD_INSTALL) != 0) GTEST_SKIP() << "this kernel has no guard regions";
    ASSERT_EQ(advise(pages(0, 1), MADV_GUARD_REMOVE), 0);
    if (!can_ask()) GTEST_SKIP() << "this kernel does not list guard regions";
  }
  static int advise(AddressRange range, int advice) {
    return ::madvise(reinterpret_cast<void*>(range.start), range.bytes(), advice);
  }
  bool can_ask() {
    EXPECT_EQ(advise(pages(0, 1), MADV_GUARD_INSTALL), 0);
    const bool listed = !guards().empty();
    EXPECT_EQ(advise(pages(0, 1), MADV_GUARD_REMOVE), 0);
    return listed;
  }
  // What the kernel says, whatever an AddressSpace makes of it.
  std::vector<AddressRange> guards() {
    std::vector<AddressRange> found;
    auto pagemap = kernel::Pagemap::try_open(::getpid());
    if (!pagemap) return found;
    kernel::PageQuery query;
    query.all = query.returned = kernel::kPageIsGuard;
    (void)pagemap->scan(all(), query, [&](const kernel::PageRegion& region) { found.push_back({region.start, region.end}); });
    return found;
  }
};

TEST_F(FamilyGuardsTest, StayThroughTheFillAndTheirPagesAreZeroAfterwards) {
  store(0, 128);
  ASSERT_EQ(advise(pages(10, 12), MADV_GUARD_INSTALL), 0);
  ASSERT_EQ(advise(pages(70, 71), MADV_GUARD_INSTALL), 0);
  fill_all();
  EXPECT_TRUE(family().is_empty());
  EXPECT_EQ(guards(), (std::vector<AddressRange>{pages(10, 12), pages(70, 71)}));
  EXPECT_EQ(content(9), 10);
  EXPECT_EQ(content(12), 13);
  EXPECT_EQ(content(71), 72);
  ASSERT_EQ(advise(pages(10, 12), MADV_GUARD_REMOVE), 0);
  serve(10, 0, What::kZeros);
  EXPECT_EQ(content(10), 0) << "what was there before the guard is gone";
}

TEST_F(FamilyGuardsTest, NearAFaultStayToo) {
  constexpr uint64_t kWindow = kFaultWindowBytes / kPageBytes;
  const uint64_t first = (kWindow - base_ / kPageBytes % kWindow) % kWindow;
  store(first, first + kWindow);
  ASSERT_EQ(advise(pages(first + 4, first + 5), MADV_GUARD_INSTALL), 0);
  serve(first + 2, 0, What::kContent);
  for (AddressRange left = pages(first, first + kWindow); left.start < left.end;) ASSERT_EQ(family().serve_near(*member_, left).put, Put::kDone);
  EXPECT_EQ(guards(), std::vector<AddressRange>{pages(first + 4, first + 5)});
  const auto there = present();
  EXPECT_NE(std::ranges::find(there, first + 3), there.end());
  EXPECT_NE(std::ranges::find(there, first + 5), there.end());
}

TEST_F(FamilyGuardsTest, ThatCameAndWentBeforeTheFillCameByLeaveNoTrace) {
  // Known: docs/settling.md. Should the kernel begin to tell, this is where it shows.
  store(0, 8);
  ASSERT_EQ(advise(pages(2, 3), MADV_GUARD_INSTALL), 0);
  ASSERT_EQ(advise(pages(2, 3), MADV_GUARD_REMOVE), 0);
  fill_all();
  EXPECT_EQ(content(2), 3);
}

}  // namespace
}  // namespace ferry::memory
