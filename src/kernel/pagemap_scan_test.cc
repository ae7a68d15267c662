// SPDX-License-Identifier: Apache-2.0
#include "kernel/pagemap_scan.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <set>

namespace ferry::kernel {
namespace {

constexpr uint64_t kPage = 4096;

class PagemapScan : public ::testing::Test {
 protected:
  void SetUp() override {
    pagemap_ = Pagemap::try_open(::getpid());
    ASSERT_TRUE(pagemap_);
    if (scan({0, kPage}, {.all = kPageIsPresent}) == ScanEnd::kUnsupported) GTEST_SKIP() << "no PAGEMAP_SCAN here";
  }
  AddressRange map(uint64_t pages) {
    void* memory = ::mmap(nullptr, pages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(memory, MAP_FAILED);
    const auto start = reinterpret_cast<uint64_t>(memory);
    return {start, start + pages * kPage};
  }
  static void touch(uint64_t address) { *reinterpret_cast<volatile char*>(address) = 1; }
  ScanEnd scan(AddressRange range, const PageQuery& query) {
    found_.clear();
    return pagemap_->scan(range, query, [&](const PageRegion& region) { found_.push_back(region); });
  }
  std::optional<Pagemap> pagemap_;
  std::vector<PageRegion> found_;
};

TEST_F(PagemapScan, GoesOnWhereItsVectorWasFull) {
  constexpr uint64_t kPages = 40'000;
  const AddressRange range = map(kPages);
  ::madvise(reinterpret_cast<void*>(range.start), range.bytes(), MADV_NOHUGEPAGE);
  for (uint64_t page = 0; page < kPages; page += 2) touch(range.start + page * kPage);
  ASSERT_EQ(scan(range, {.all = kPageIsPresent, .returned = kPageIsPresent}), ScanEnd::kDone);
  std::set<uint64_t> starts;
  for (const PageRegion& region : found_) {
    EXPECT_EQ(region.end - region.start, kPage);
    starts.insert(region.start);
  }
  ASSERT_EQ(starts.size(), kPages / 2);
  for (const uint64_t start : starts) EXPECT_EQ((start - range.start) % (2 * kPage), 0u);
  ::munmap(reinterpret_cast<void*>(range.start), range.bytes());
}

TEST_F(PagemapScan, SpansHolesAndSeveralVmas) {
  const AddressRange range = map(9);
  touch(range.start);
  touch(range.start + 8 * kPage);
  ::mprotect(reinterpret_cast<void*>(range.start + 8 * kPage), kPage, PROT_NONE);
  ::munmap(reinterpret_cast<void*>(range.start + 3 * kPage), kPage);
  ASSERT_EQ(scan(range, {.all = kPageIsPresent, .returned = kPageIsPresent}), ScanEnd::kDone);
  ASSERT_EQ(found_.size(), 2u);
  EXPECT_EQ(found_[1].start, range.start + 8 * kPage);
  ::munmap(reinterpret_cast<void*>(range.start), range.bytes());
}

TEST_F(PagemapScan, SaysWhenMemoryIsNotRegistered) {
  const AddressRange range = map(4);
  touch(range.start);
  const PageQuery query{.all = kPageIsWritten, .returned = kPageIsWritten, .protect = true, .must_be_registered = true};
  EXPECT_EQ(scan(range, query), ScanEnd::kNotRegistered);
  const auto uffd = Userfaultfd::try_make(kUffdWriteProtectAsync | kUffdWriteProtectUnpopulated);
  if (!uffd) GTEST_SKIP() << "no asynchronous write-protection here";
  ASSERT_EQ(uffd->try_register(range, UffdMode::kWriteProtect), UffdEnd::kDone);
  EXPECT_EQ(scan(range, query), ScanEnd::kDone);
  ::munmap(reinterpret_cast<void*>(range.start), range.bytes());
}

TEST_F(PagemapScan, RefusesACategoryThatNoKernelHas) {
  EXPECT_EQ(scan({0, kPage}, {.all = uint64_t{1} << 60}), ScanEnd::kUnsupported);
}

TEST(Pagemap, OfNobodyIsNothing) { EXPECT_FALSE(Pagemap::try_open(1 << 30)); }

}  // namespace
}  // namespace ferry::kernel
