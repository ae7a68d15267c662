// SPDX-License-Identifier: Apache-2.0
#include "kernel/vma_flags.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

namespace ferry::kernel {
namespace {

constexpr size_t kBytes = 4096;

// Needs root and a kernel that describes its types.
class VmaFlagsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    reader_ = VmaFlagsReader::try_open(&why);
    if (!reader_) GTEST_SKIP() << why;
    // A neighbour that cannot be touched on either side: the area stays its own.
    void* all = ::mmap(nullptr, 3 * kBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(all, MAP_FAILED);
    page_ = static_cast<char*>(all) + kBytes;
    ASSERT_EQ(::mprotect(page_, kBytes, PROT_READ | PROT_WRITE), 0);
  }
  std::string flags() const {
    const auto areas = reader_->try_read(::getpid());
    if (!areas) return "unknown";
    const auto found = std::ranges::find(*areas, reinterpret_cast<uint64_t>(page_), [](const VmaFlags& area) { return area.range.start; });
    return found != areas->end() ? found->flags : "gone";
  }

  std::optional<VmaFlagsReader> reader_;
  char* page_ = nullptr;
};

TEST_F(VmaFlagsTest, FollowWhatTheTaskSays) {
  EXPECT_EQ(flags(), "");
  ::mlock(page_, kBytes);
  EXPECT_EQ(flags(), "lo ");
  ::munlock(page_, kBytes);
  ::madvise(page_, kBytes, MADV_DONTFORK);
  ::madvise(page_, kBytes, MADV_DONTDUMP);
  EXPECT_EQ(flags(), "dc dd ");
  ::madvise(page_, kBytes, MADV_DOFORK);
  ::madvise(page_, kBytes, MADV_DODUMP);
  EXPECT_EQ(flags(), "");
}

TEST_F(VmaFlagsTest, AreOfAllAreasInOrder) {
  const auto areas = reader_->try_read(::getpid());
  ASSERT_TRUE(areas);
  EXPECT_GT(areas->size(), 5u);
  for (size_t i = 1; i < areas->size(); ++i) EXPECT_GE((*areas)[i].range.start, (*areas)[i - 1].range.end);
}

TEST_F(VmaFlagsTest, AreOfNoneThatHasGone) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(reader_->try_read(child));
}

}  // namespace
}  // namespace ferry::kernel
