// SPDX-License-Identifier: Apache-2.0
#include "kernel/userfaultfd.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <array>
#include <cstring>
#include <thread>

namespace ferry::kernel {
namespace {

constexpr uint64_t kPageSize = 4096, kPages = 8;

class UserfaultfdTest : public ::testing::Test {
 protected:
  void SetUp() override {
    uffd_ = Userfaultfd::try_make(UFFD_FEATURE_EVENT_REMOVE);
    if (!uffd_) GTEST_SKIP() << "this kernel has no userfaultfd";
    memory_ = static_cast<char*>(::mmap(nullptr, kPages * kPageSize, PROT_READ | PROT_WRITE,
                                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ASSERT_NE(memory_, MAP_FAILED);
    from_.fill('x');
  }
  void TearDown() override {
    if (memory_) ::munmap(memory_, kPages * kPageSize);
  }
  AddressRange pages(uint64_t first, uint64_t count) const {
    const auto start = reinterpret_cast<uint64_t>(memory_) + first * kPageSize;
    return {start, start + count * kPageSize};
  }

  std::optional<Userfaultfd> uffd_;
  char* memory_ = nullptr;
  std::array<char, kPages * kPageSize> from_;
};

TEST_F(UserfaultfdTest, CopiesAndZeroesWhereNothingIs) {
  ASSERT_EQ(uffd_->try_register(pages(0, kPages), UffdMode::kMissing), UffdEnd::kDone);
  const UffdMoved copied = uffd_->try_copy(pages(0, 2), from_.data());
  EXPECT_EQ(copied.end, UffdEnd::kDone);
  EXPECT_EQ(copied.bytes, 2 * kPageSize);
  EXPECT_EQ(uffd_->try_zero(pages(2, 1)).end, UffdEnd::kDone);
  EXPECT_EQ(memory_[kPageSize], 'x');
  EXPECT_EQ(memory_[2 * kPageSize], 0);
}

TEST_F(UserfaultfdTest, StopsAtAPageThatIsThere) {
  memory_[3 * kPageSize] = 'o';
  ASSERT_EQ(uffd_->try_register(pages(0, kPages), UffdMode::kMissing), UffdEnd::kDone);
  const UffdMoved part = uffd_->try_copy(pages(1, 4), from_.data());
  EXPECT_EQ(part.bytes, 2 * kPageSize);
  EXPECT_NE(part.end, UffdEnd::kDone);
  const UffdMoved none = uffd_->try_copy(pages(3, 2), from_.data());
  EXPECT_EQ(none.bytes, 0u);
  EXPECT_EQ(none.end, UffdEnd::kPresent);
  EXPECT_EQ(memory_[3 * kPageSize], 'o');
}

TEST_F(UserfaultfdTest, SaysWhenARangeIsNotItsOwn) {
  EXPECT_EQ(uffd_->try_copy(pages(0, 1), from_.data()).end, UffdEnd::kUnmapped);
  EXPECT_EQ(uffd_->try_register({0, kPageSize}, UffdMode::kMissing), UffdEnd::kUnsuitable);
  const auto other = Userfaultfd::try_make(0);
  ASSERT_TRUE(other);
  ASSERT_EQ(other->try_register(pages(0, 1), UffdMode::kMissing), UffdEnd::kDone);
  EXPECT_EQ(uffd_->try_register(pages(0, 1), UffdMode::kMissing), UffdEnd::kBusy);
}

TEST_F(UserfaultfdTest, ServesAFaultAndReportsRemoval) {
  ASSERT_EQ(uffd_->try_register(pages(0, kPages), UffdMode::kMissing), UffdEnd::kDone);
  std::thread reader([this] {
    EXPECT_EQ(memory_[5 * kPageSize], 'x');  // waits for the fault to be served
    ::madvise(memory_, kPageSize, MADV_DONTNEED);
  });
  std::array<uffd_msg, 4> events;
  std::vector<int> kinds;
  while (kinds.size() < 2) {
    const size_t count = uffd_->read_events(events);
    if (count == 0) std::this_thread::yield();
    for (size_t i = 0; i < count; ++i) {
      kinds.push_back(events[i].event);
      if (events[i].event != UFFD_EVENT_PAGEFAULT) continue;
      EXPECT_EQ(events[i].arg.pagefault.address, pages(5, 1).start);
      EXPECT_EQ(uffd_->try_copy(pages(5, 1), from_.data()).end, UffdEnd::kDone);
    }
  }
  reader.join();
  EXPECT_EQ(kinds, (std::vector<int>{UFFD_EVENT_PAGEFAULT, UFFD_EVENT_REMOVE}));
}

TEST_F(UserfaultfdTest, RefusesFeaturesThatNoKernelHas) {
  EXPECT_FALSE(Userfaultfd::try_make(uint64_t{1} << 63));
}

}  // namespace
}  // namespace ferry::kernel
