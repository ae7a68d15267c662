// SPDX-License-Identifier: Apache-2.0
#include "memory/shared_writes.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>

#include "memory/tracker_fixture.h"

namespace ferry::memory {
namespace {

// Two children with the same memory, of which the first 32 pages have content at first.
class SharedWritesTest : public TrackerTest {
 protected:
  static constexpr uint64_t kPages = 64;
  void SetUp() override {
    TrackerTest::SetUp();
    if (IsSkipped()) return;
    if (support_.backend != Backend::kUffdWp) GTEST_SKIP() << "only with userfaultfd write-protection";
    if (!kernel::ForkWatch::try_open()) GTEST_SKIP() << "no perf events of whole CPUs here (CAP_PERFMON)";
    for (uint64_t page = 0; page < kPages / 2; ++page) *region_.at(page) = 'x';
  }
  static PageSet pages(uint64_t first, uint64_t count) { return {{first * kPageBytes, (first + count) * kPageBytes}}; }
  // Tracked, of a child that does `work`.
  pid_t start(const std::function<void(int)>& work) {
    children_.push_back(std::make_unique<TestChild>(work));
    const pid_t pid = children_.back()->pid();
    attach_to(pid);
    return pid;
  }
  void attach_to(pid_t pid) {
    Attached attached = attach(pid, support_);
    while (attached.try_again) attached = attach(pid, support_);
    ASSERT_TRUE(attached.tracker) << attached.why;
    trackers_[pid] = std::move(attached.tracker);
  }
  void step(int number, size_t child = 0) { children_.at(child)->do_step(number); }
  std::vector<pid_t> pids() const {
    std::vector<pid_t> pids;
    for (const auto& child : children_) pids.push_back(child->pid());
    pids.insert(pids.end(), more_.begin(), more_.end());
    return pids;
  }
  bool is_regions(const SharedMemory& memory) const {
    return std::ranges::any_of(memory.mappings, [&](const auto& mapping) { return mapping.range.start == region_.whole().start; });
  }
  // Of the region's memory.
  SharedRound round() {
    for (auto& one : writes_.round()) {
      if (is_regions(one.memory)) return std::move(one);
    }
    ADD_FAILURE() << "it is not seen";
    return {};
  }
  PageSet unwritten() { return round().unwritten; }
  // As if they stood still: they wait for their next step.
  PageSet unwritten_at_last() {
    for (const auto& memory : writes_.last_look()) {
      if (is_regions(memory)) return writes_.unwritten(memory, 3, false);
    }
    ADD_FAILURE() << "it is not seen";
    return {};
  }

  Region region_{kPages, PROT_READ | PROT_WRITE, MAP_SHARED};
  std::vector<std::unique_ptr<TestChild>> children_;
  std::vector<pid_t> more_;  // that are of the tree, too
  std::map<pid_t, std::unique_ptr<Tracker>> trackers_;
  SharedWrites writes_{[this] { return pids(); },
                       [this](pid_t pid) {
                         const auto found = trackers_.find(pid);
                         return found != trackers_.end() ? found->second.get() : nullptr;
                       }};
};

TEST_F(SharedWritesTest, WhatNobodyHasWritten) {
  const auto write = [&](int page) { *region_.at(page) = 'y'; };
  start(write);
  start(write);
  const auto first = round();
  EXPECT_EQ(first.why_untracked, "");
  EXPECT_TRUE(first.unwritten.empty());
  EXPECT_EQ(unwritten(), pages(0, 32));
  step(3, 0);
  step(5, 1);
  step(40, 1);  // had no content
  auto expected = pages(0, 32);
  expected.erase(pages(3, 1));
  expected.erase(pages(5, 1));
  EXPECT_EQ(unwritten_at_last(), expected);
  EXPECT_EQ(unwritten_at_last(), expected);  // nothing begins anew
  EXPECT_EQ(unwritten(), expected);
  expected = pages(0, 32);
  expected.insert(pages(40, 1));
  EXPECT_EQ(unwritten(), expected);
}

TEST_F(SharedWritesTest, HolesBetweenItsPages) {
  start([&](int page) { *region_.at(page) = 'y'; });
  for (uint64_t page = 1; page < kPages / 2; page += 2) ASSERT_EQ(::madvise(region_.at(page), kPageBytes, MADV_REMOVE), 0);
  PageSet expected;
  for (uint64_t page = 0; page < kPages / 2; page += 2) expected.insert(pages(page, 1));
  round();
  EXPECT_EQ(unwritten(), expected);
  step(4);
  step(5);
  expected.erase(pages(4, 1));
  EXPECT_EQ(unwritten_at_last(), expected);
  EXPECT_EQ(unwritten(), expected);
  expected.insert(pages(4, 2));
  EXPECT_EQ(unwritten(), expected);
}

TEST_F(SharedWritesTest, WhatIsOnlyReadByWhoNeverSawIt) {
  start([&](int page) { static_cast<void>(*static_cast<volatile char*>(region_.at(page))); });
  round();
  step(7);
  EXPECT_EQ(unwritten_at_last(), pages(0, 32));
}

TEST_F(SharedWritesTest, WhatIsWrittenAndForgottenByItsWriter) {
  start([&](int page) {
    *region_.at(page) = 'y';
    ::madvise(region_.at(page), kPageBytes, MADV_DONTNEED);
  });
  round();
  step(7);
  EXPECT_FALSE(unwritten_at_last().intersects({7 * kPageBytes, 8 * kPageBytes}));
}

TEST_F(SharedWritesTest, WhatIsRemovedAndReadAgain) {
  start([&](int page) {
    ::madvise(region_.at(page), kPageBytes, MADV_REMOVE);
    if (page == 8) static_cast<void>(*static_cast<volatile char*>(region_.at(page)));
  });
  round();
  step(7);
  step(8);
  auto expected = pages(0, 32);
  expected.erase(pages(7, 2));
  EXPECT_EQ(unwritten_at_last(), expected);
  EXPECT_EQ(unwritten(), expected);
  expected.insert(pages(8, 1));  // it has content again
  EXPECT_EQ(unwritten(), expected);
}

TEST_F(SharedWritesTest, AChildThatHasComeAndGone) {
  start([&](int page) {
    const pid_t child = ::fork();
    if (child == 0) {
      *region_.at(page) = 'y';
      ::_exit(0);
    }
    ::waitpid(child, nullptr, 0);
  });
  round();
  EXPECT_EQ(unwritten(), pages(0, 32));
  step(7);
  EXPECT_TRUE(unwritten_at_last().empty());
  EXPECT_TRUE(unwritten_at_last().empty());  // it does not forget that
  EXPECT_TRUE(unwritten().empty());
  EXPECT_EQ(unwritten(), pages(0, 32));
}

TEST_F(SharedWritesTest, AnotherTaskHasItThanBefore) {
  start([](int) {});
  round();
  TestChild another([](int) {});  // forked by none of them, as one that has entered the tree by other ways
  more_.push_back(another.pid());
  EXPECT_TRUE(unwritten_at_last().empty());
  EXPECT_NE(round().why_untracked, "");
  attach_to(another.pid());
  EXPECT_TRUE(unwritten().empty());
  EXPECT_EQ(unwritten(), pages(0, 32));
}

TEST_F(SharedWritesTest, OneThatHasItNoMore) {
  start([&](int page) {
    *region_.at(page) = 'y';
    ::munmap(region_.at(page), kPageBytes);
  });
  start([](int) {});
  round();
  step(7);
  EXPECT_TRUE(unwritten_at_last().empty());
}

TEST_F(SharedWritesTest, AnotherMappingOfIt) {
  start([&](int page) {
    void* second = ::mremap(region_.at(0), 0, kPages * kPageBytes, MREMAP_MAYMOVE);
    static_cast<char*>(second)[page * kPageBytes] = 'y';
  });
  round();
  step(7);
  EXPECT_TRUE(unwritten_at_last().empty());
}

// It goes where it was, and is not registered any more, though the mark on its pages may be left.
TEST_F(SharedWritesTest, OneThatIsMovedAwayAndBack) {
  start([&](int page) {
    void* elsewhere = ::mmap(nullptr, kPages * kPageBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ::mremap(region_.at(0), kPages * kPageBytes, kPages * kPageBytes, MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere);
    static_cast<char*>(elsewhere)[page * kPageBytes] = 'y';
    ::mremap(elsewhere, kPages * kPageBytes, kPages * kPageBytes, MREMAP_MAYMOVE | MREMAP_FIXED, region_.at(0));
  });
  round();
  step(7);
  EXPECT_FALSE(unwritten_at_last().intersects({7 * kPageBytes, 8 * kPageBytes}));
  EXPECT_FALSE(unwritten().intersects({7 * kPageBytes, 8 * kPageBytes}));
  EXPECT_EQ(unwritten(), pages(0, 32));
}

TEST_F(SharedWritesTest, ProtectionComesAndGoes) {
  start([&](int page) {
    ::mprotect(region_.at(0), 4 * kPageBytes, PROT_READ);
    *region_.at(page) = 'y';
  });
  round();
  step(7);
  auto expected = pages(0, 32);
  expected.erase(pages(7, 1));
  EXPECT_EQ(unwritten_at_last(), expected);
}

TEST_F(SharedWritesTest, WhoHasADescriptorCouldWriteToIt) {
  start([&](int) {
    const std::string path = fmt::format("/proc/self/map_files/{:x}-{:x}", region_.whole().start, region_.whole().end);
    static_cast<void>(!::open(path.c_str(), O_RDWR));
  });
  EXPECT_EQ(round().why_untracked, "");
  step(1);
  EXPECT_NE(round().why_untracked, "");
  EXPECT_TRUE(unwritten_at_last().empty());
}

// Its own memory has come where it was: what the scan of the shared one has protected there is not taken for unwritten.
TEST_F(SharedWritesTest, ItsOwnMemoryComesInItsPlace) {
  start([&](int step) {
    if (step == 1) ::mmap(region_.at(0), kPages * kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    for (uint64_t page = 0; page < kPages; ++page) *region_.at(page) = 'z';
  });
  const pid_t pid = children_.front()->pid();
  Tracker& tracker = *trackers_.at(pid);
  round();
  step(1);
  // The race: a scan by maps that were read before. It registers and protects what is there now.
  static_cast<void>(tracker.try_scan_shared(region_.whole(), {region_.whole()}));
  const auto scan = tracker.try_scan(try_plane_of(pid).value());
  ASSERT_TRUE(scan);
  EXPECT_TRUE(scan->written.covers(region_.whole()));
  const auto after = tracker.try_scan(try_plane_of(pid).value());
  EXPECT_FALSE(after.value().written.intersects(region_.whole()));
}

}  // namespace
}  // namespace ferry::memory
