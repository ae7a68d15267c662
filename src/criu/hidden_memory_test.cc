// SPDX-License-Identifier: Apache-2.0
#include "criu/hidden_memory.h"

#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "base/fd.h"
#include "criu/pagemap_filter.h"
#include "criu/test_task.h"

namespace ferry::criu {
namespace {

using hidden::Range;

std::vector<std::pair<uint64_t, uint64_t>> pairs(const hidden::View& view,
                                                 const hidden::Place& place) {
  std::vector<std::pair<uint64_t, uint64_t>> found;
  for (size_t i = 0; i < place.count; ++i)
    found.emplace_back(view.ranges(place)[i].start, view.ranges(place)[i].end);
  return found;
}

using Pairs = std::vector<std::pair<uint64_t, uint64_t>>;

std::string written(const std::map<pid_t, HiddenTask>& tasks) {
  const TemporaryDirectory directory;
  write_hidden_memory(directory.path() / "hidden", tasks);
  return base::read_file(directory.path() / "hidden");
}

TEST(HiddenMemory, WhatIsWrittenIsFoundByPid) {
  const std::string file =
      written({{7, {{{0x3000, 0x4000}, {0x1000, 0x2000}}, {}, "text"}}, {9, {}}});
  const auto view = hidden::View::over(file.data(), file.size());
  ASSERT_TRUE(view);
  const auto* task = view.find(7);
  ASSERT_NE(task, nullptr);
  EXPECT_EQ(pairs(view, task->ranges), (Pairs{{0x1000, 0x2000}, {0x3000, 0x4000}}));
  EXPECT_EQ(std::string(view.text(task->smaps), task->smaps.count), "text");
  ASSERT_NE(view.find(9), nullptr);
  EXPECT_EQ(view.find(9)->ranges.count, 0u);
  EXPECT_EQ(view.find(8), nullptr);
}

TEST(HiddenMemory, RangesThatTouchBecomeOneAndGuardsStayWithinThem) {
  const std::string file =
      written({{1,
                {{{0x5000, 0x7000}, {0x1000, 0x3000}, {0x3000, 0x4000}, {0x6000, 0x9000}},
                 {{0x2000, 0x6000}, {0x8000, 0xb000}, {0xc000, 0xd000}},
                 ""}}});
  const auto view = hidden::View::over(file.data(), file.size());
  const auto* task = view.find(1);
  ASSERT_NE(task, nullptr);
  EXPECT_EQ(pairs(view, task->ranges), (Pairs{{0x1000, 0x4000}, {0x5000, 0x9000}}));
  EXPECT_EQ(pairs(view, task->guards),
            (Pairs{{0x2000, 0x4000}, {0x5000, 0x6000}, {0x8000, 0x9000}}));
}

TEST(HiddenMemory, AgreesWithSmapsOrNot) {
  const std::string smaps =
      "1000-3000 rw-p 00000000 00:00 0 \nVmFlags: rd wr mr mw me ac \n"
      "3000-4000 rw-p 00000000 00:00 0 \nVmFlags: rd wr mr mw me lo ac \n"
      "5000-6000 r--p 00000000 08:01 9    /a/file\nVmFlags: rd mr mw me \n"
      "7000-9000 rw-p 00000000 00:00 0    [heap]\nVmFlags: rd wr mr mw me ac \n";
  EXPECT_TRUE(agrees_with_smaps({{{0x7000, 0x9000}, {0x2000, 0x3000}, {0x1000, 0x2000}}, {}, smaps}));
  EXPECT_FALSE(agrees_with_smaps({{{0x1000, 0x4000}, {0x7000, 0x9000}}, {}, smaps})) << "locked";
  EXPECT_FALSE(agrees_with_smaps({{{0x1000, 0x3000}}, {}, smaps})) << "CRIU would expect the heap";
  EXPECT_TRUE(agrees_with_smaps({{{0x1000, 0x3000}}, {}, ""}));
}

TEST(HiddenMemory, AFileThatIsNotWholeIsNone) {
  std::string file = written({{1, {{{0x1000, 0x2000}}, {}, "smaps"}}});
  for (size_t size = 0; size < file.size(); ++size)
    EXPECT_FALSE(hidden::View::over(file.data(), size)) << size;
  auto* task = reinterpret_cast<hidden::Task*>(file.data() + sizeof(hidden::Header));
  task->ranges.count = 1u << 30;
  EXPECT_FALSE(hidden::View::over(file.data(), file.size()));
}

// The filter over the real kernel's answers.
class PagemapFilter : public ::testing::Test {
 protected:
  static constexpr size_t kPages = 64;
  const size_t page_ = static_cast<size_t>(::sysconf(_SC_PAGESIZE));

  void SetUp() override {
    pagemap_ = base::open_file("/proc/self/pagemap", O_RDONLY);
    void* at =
        ::mmap(nullptr, kPages * page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(at, MAP_FAILED);
    start_ = reinterpret_cast<uint64_t>(at);
    ::madvise(at, kPages * page_, MADV_NOHUGEPAGE);
    PagemapScan probe = scan(0, 0);
    if (kernel(probe) < 0) GTEST_SKIP() << "this kernel has no PAGEMAP_SCAN (Linux 6.7)";
  }
  void TearDown() override {
    if (start_ != 0) ::munmap(reinterpret_cast<void*>(start_), kPages * page_);
  }

  uint64_t address(size_t page) const { return start_ + page * page_; }
  void touch(size_t page) { *reinterpret_cast<volatile char*>(address(page)) = 1; }
  long kernel(PagemapScan& asked) {
    ++asked_kernel_;
    return ::ioctl(pagemap_.get(), kPagemapScan, &asked);
  }
  // As pmc_fill asks.
  PagemapScan scan(size_t from, size_t to) {
    PagemapScan scan{};
    scan.size = sizeof scan;
    scan.start = address(from);
    scan.end = address(to);
    scan.regions = reinterpret_cast<uint64_t>(regions_);
    scan.regions_size = std::size(regions_);
    scan.category_inverted = scan.category_mask = kPageIsZero | kPageIsFile;
    scan.category_anyof_mask = kPageIsPresent | kPageIsSwapped;
    scan.return_mask = kPageIsPresent | kPageIsSwapped;
    return scan;
  }
  // Page numbers, "2-4" for [2, 4).
  std::string answer(PagemapScan& asked, const std::vector<Range>& ranges,
                     const std::vector<Range>& guards = {}) {
    const long got =
        scan_but_hidden(asked, {ranges.data(), ranges.size()}, {guards.data(), guards.size()},
                        [this](PagemapScan& part) { return kernel(part); });
    std::string text;
    for (long i = 0; i < got; ++i) {
      text += std::to_string((regions_[i].start - start_) / page_) + "-" +
              std::to_string((regions_[i].end - start_) / page_) + " ";
    }
    return text;
  }
  Range pages(size_t from, size_t to) const { return {address(from), address(to)}; }

  base::Fd pagemap_;
  uint64_t start_ = 0;
  PagemapRegion regions_[16];
  int asked_kernel_ = 0;
};

TEST_F(PagemapFilter, TellsCriusQuestionsApart) {
  PagemapScan asked = scan(0, 1);
  EXPECT_TRUE(asks_for_memory(asked));
  EXPECT_FALSE(asks_for_guards(asked));
  asked.category_inverted = asked.category_anyof_mask = 0;
  asked.category_mask = kPageIsGuard;
  EXPECT_FALSE(asks_for_memory(asked));
  EXPECT_TRUE(asks_for_guards(asked));
  asked.category_mask = 1 << 1;  // written
  EXPECT_FALSE(asks_for_memory(asked) || asks_for_guards(asked));
}

TEST_F(PagemapFilter, ARangeThatIsHiddenWholeDoesNotReachTheKernel) {
  for (size_t i = 0; i < kPages; ++i) touch(i);
  PagemapScan asked = scan(8, 40);
  asked_kernel_ = 0;
  EXPECT_EQ(answer(asked, {pages(0, kPages)}), "");
  EXPECT_EQ(asked.walk_end, address(40));
  EXPECT_EQ(asked_kernel_, 0);
}

TEST_F(PagemapFilter, TheRestIsTheKernels) {
  for (size_t i = 4; i < 60; ++i) touch(i);
  PagemapScan asked = scan(0, kPages);
  EXPECT_EQ(answer(asked, {pages(8, 16), pages(20, 24), pages(58, 62)}), "4-8 16-20 24-58 ");
  EXPECT_EQ(asked.walk_end, asked.end);
  asked = scan(10, 22);
  EXPECT_EQ(answer(asked, {pages(8, 16), pages(20, 24)}), "16-20 ");
  EXPECT_EQ(asked.walk_end, asked.end);
  asked = scan(0, kPages);
  EXPECT_EQ(answer(asked, {}), "4-60 ");
}

TEST_F(PagemapFilter, AnAnswerThatHasNoRoomGoesOnWhereItEnded) {
  for (size_t i = 0; i < kPages; i += 2) touch(i);
  const std::vector<Range> hidden = {pages(10, 20), pages(30, 31)};
  std::string all;
  PagemapScan asked = scan(0, kPages);
  asked.walk_end = asked.start;
  do {  // as collect_madv_guards does
    asked.start = asked.walk_end;
    asked.regions_size = 3;
    all += answer(asked, hidden);
  } while (asked.walk_end != asked.end);
  std::string expected;
  for (size_t i = 0; i < kPages; i += 2) {
    if ((i < 10 || i >= 20) && i != 30)
      expected += std::to_string(i) + "-" + std::to_string(i + 1) + " ";
  }
  EXPECT_EQ(all, expected);
}

TEST_F(PagemapFilter, GuardsComeFromTheListWhereMemoryIsHidden) {
  constexpr int kGuardInstall = 102;
  if (::madvise(reinterpret_cast<void*>(address(40)), 2 * page_, kGuardInstall) < 0)
    GTEST_SKIP() << "no guard regions here (Linux 6.13)";
  PagemapScan asked = scan(0, kPages);
  asked.category_inverted = asked.category_anyof_mask = 0;
  asked.category_mask = asked.return_mask = kPageIsGuard;
  PagemapScan probe = asked;
  if (kernel(probe) < 0) GTEST_SKIP() << "this kernel does not tell guard regions (Linux 6.15)";
  const std::vector<Range> listed = {pages(9, 11), pages(15, 16)};
  EXPECT_EQ(answer(asked, {pages(8, 16)}, listed), "9-11 15-16 40-42 ");
  EXPECT_EQ(asked.walk_end, asked.end);
  asked.start = address(10);
  asked.regions_size = 1;
  EXPECT_EQ(answer(asked, {pages(8, 16)}, listed), "10-11 ");
  EXPECT_EQ(asked.walk_end, address(11));
}

TEST_F(PagemapFilter, EntriesOfHiddenPagesAreCleared) {
  std::vector<uint64_t> entries(16, 1);
  const std::vector<Range> hidden = {pages(0, 9), pages(12, 13), pages(22, 40)};
  clear_hidden(entries.data(), entries.size(), address(8), page_, {hidden.data(), hidden.size()});
  EXPECT_EQ(entries, (std::vector<uint64_t>{0, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0}));
}

}  // namespace
}  // namespace ferry::criu
