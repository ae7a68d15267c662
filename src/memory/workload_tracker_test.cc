// SPDX-License-Identifier: Apache-2.0
#include "memory/workload_tracker.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstring>

#include "kernel/procfs.h"
#include "memory/spaces.h"
#include "memory/test_child.h"

namespace ferry::memory {
namespace {

class WorkloadTrackerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    support_ = probe();
    if (support_.backend != Backend::kUffdWp) GTEST_SKIP() << support_.why;
  }
  WorkloadTracker make(WorkloadTracker::StandStill stand_still = {}) { return WorkloadTracker(support_, stand_still); }
  // The first round, again while a busy machine does not stop the task in time.
  static WorkloadRound first_round(WorkloadTracker& tracker, const std::vector<pid_t>& pids) {
    WorkloadRound round = tracker.round(pids);
    const auto busy = [](const SpaceRound& space) { return space.why_untracked.find("did not stop") != std::string::npos; };
    while (std::ranges::any_of(round.spaces, busy)) round = tracker.round(pids);
    return round;
  }
  static const SpaceRound* space_of(const WorkloadRound& round, pid_t pid) {
    for (const SpaceRound& space : round.spaces) {
      if (space.pid == pid) return &space;
    }
    return nullptr;
  }
  Support support_;
};

TEST_F(WorkloadTrackerTest, FollowsProcessesThatComeAndGo) {
  const Region region(8);
  std::memset(region.at(0), 1, 8 * kPageBytes);
  TestChild parent([&](int page) { *region.at(page) = 2; });
  WorkloadTracker tracker = make();
  WorkloadRound round = first_round(tracker, {parent.pid()});
  ASSERT_EQ(round.spaces.size(), 1u);
  EXPECT_TRUE(round.spaces[0].fresh && round.spaces[0].tracked);
  EXPECT_TRUE(round.spaces[0].scan.written.covers(region.whole()));
  EXPECT_EQ(round.spaces[0].inner_pid, kernel::inner_pid(parent.pid()));
  EXPECT_GT(round.longest_stop_ms, 0);
  {
    TestChild other([&](int page) { *region.at(page) = 3; });
    parent.do_step(4);
    round = tracker.round({parent.pid(), other.pid()});
    ASSERT_EQ(round.spaces.size(), 2u);
    EXPECT_FALSE(space_of(round, parent.pid())->fresh);
    EXPECT_EQ(space_of(round, parent.pid())->scan.written.within(region.whole()), PageSet{region.pages(4, 1)});
    EXPECT_TRUE(space_of(round, other.pid())->fresh) << space_of(round, other.pid())->why_untracked;
    EXPECT_TRUE(space_of(round, other.pid())->tracked) << space_of(round, other.pid())->why_untracked;
    EXPECT_TRUE(space_of(round, other.pid())->scan.written.covers(region.whole()));
  }
  round = tracker.round({parent.pid()});
  ASSERT_EQ(round.ended.size(), 1u);
  round = tracker.round({parent.pid()});
  EXPECT_TRUE(round.ended.empty());
}

TEST_F(WorkloadTrackerTest, AnotherProgramIsTrackedAnew) {
  TestChild child([](int) { ::execlp("sleep", "sleep", "60", nullptr); });
  WorkloadTracker tracker = make();
  static_cast<void>(first_round(tracker, {child.pid()}));
  child.start_step(0);
  while (kernel::comm_of(child.pid()) != "sleep") ::usleep(1000);
  const WorkloadRound round = first_round(tracker, {child.pid()});
  ASSERT_EQ(round.spaces.size(), 1u);
  EXPECT_TRUE(round.spaces[0].fresh && round.spaces[0].tracked) << round.spaces[0].why_untracked;
  EXPECT_GT(round.written_pages(), 0u);
  EXPECT_TRUE(round.ended.empty());
}

TEST_F(WorkloadTrackerTest, ASpaceThatAVforkSharesIsOne) {
  const Region region(2);
  const base::FdPair release = base::make_pipe();
  TestChild parent([&](int) {
    char byte;
    if (::vfork() == 0) {
      static_cast<void>(::read(release.first.get(), &byte, 1));
      ::_exit(0);
    }
  });
  parent.start_step(0);
  while (kernel::children_of(parent.pid()).empty() || kernel::task_state(parent.pid()) != 'D') ::usleep(1000);
  const pid_t child = kernel::children_of(parent.pid())[0];
  EXPECT_EQ(group_by_space({parent.pid(), child, ::getpid()}).size(), 2u);
  WorkloadTracker tracker = make();
  WorkloadRound round = first_round(tracker, {parent.pid(), child});
  ASSERT_EQ(round.spaces.size(), 1u);
  EXPECT_EQ(round.spaces[0].pid, parent.pid());
  EXPECT_EQ(round.spaces[0].shared, std::vector<pid_t>{child});
  EXPECT_TRUE(round.spaces[0].tracked) << "the child can be stopped: " << round.spaces[0].why_untracked;
  base::write_full(release.second.get(), std::string_view("x"));
  parent.finish_step();
  round = tracker.round({parent.pid()});
  ASSERT_EQ(round.spaces.size(), 1u);
  EXPECT_FALSE(round.spaces[0].fresh);
  EXPECT_TRUE(round.ended.empty());
}

TEST_F(WorkloadTrackerTest, WhoeverWasNeverTrackedIsToldWholeAtTheEnd) {
  const Region region(8);
  std::memset(region.at(0), 1, 8 * kPageBytes);
  TestChild known([&](int page) { *region.at(page) = 2; });
  WorkloadTracker tracker = make();
  static_cast<void>(first_round(tracker, {known.pid()}));
  TestChild late([&](int page) { *region.at(page) = 2; });
  const WorkloadRound last = tracker.last_round({known.pid(), late.pid()});
  ASSERT_EQ(last.spaces.size(), 2u);
  EXPECT_FALSE(space_of(last, known.pid())->scan.written.intersects(region.whole()));
  EXPECT_TRUE(space_of(last, known.pid())->scan.present.covers(region.whole()));
  EXPECT_TRUE(space_of(last, late.pid())->fresh);
  EXPECT_TRUE(space_of(last, late.pid())->scan.written.covers(region.whole()));
  // The move fails: as if nothing had been.
  known.do_step(3);
  const WorkloadRound round = first_round(tracker, {known.pid(), late.pid()});
  EXPECT_EQ(space_of(round, known.pid())->scan.written.within(region.whole()), PageSet{region.pages(3, 1)});
  EXPECT_TRUE(space_of(round, late.pid())->fresh && space_of(round, late.pid())->tracked);
}

TEST_F(WorkloadTrackerTest, FilesWithDirectIoNeedATaskThatStandsStill) {
  const base::Path path = std::filesystem::temp_directory_path() / "ferry-direct-io-test";
  base::open_file(path, O_RDWR | O_CREAT);
  if (!base::try_open_file(path, O_RDONLY | O_DIRECT)) GTEST_SKIP() << "no O_DIRECT on " << path;
  const Region region(4);
  std::memset(region.at(0), 1, 4 * kPageBytes);
  TestChild child([&](int) { ::open(path.c_str(), O_RDONLY | O_DIRECT); });
  int stood_still = 0;
  WorkloadTracker tracker = make([&] {
    ++stood_still;
    return std::make_shared<int>();
  });
  WorkloadTracker without = make();
  static_cast<void>(first_round(tracker, {child.pid()}));
  EXPECT_EQ(stood_still, 0);
  child.do_step(0);
  WorkloadRound round = first_round(tracker, {child.pid()});
  EXPECT_GE(stood_still, 1);
  ASSERT_EQ(round.spaces.size(), 1u);
  EXPECT_TRUE(round.spaces[0].fresh) << "what arrived before may have been missed";
  EXPECT_TRUE(round.spaces[0].scan.written.covers(region.whole()));
  EXPECT_FALSE(tracker.round({child.pid()}).spaces[0].fresh);
  EXPECT_GE(stood_still, 2);
  round = without.round({child.pid()});
  EXPECT_FALSE(round.spaces[0].tracked);
  EXPECT_NE(round.spaces[0].why_untracked.find("O_DIRECT"), std::string::npos);
  std::filesystem::remove(path);
}

TEST_F(WorkloadTrackerTest, TransfersBehindItsBackMakeATaskUntrackable) {
  struct Case {
    const char* name;
    std::function<bool()> begin;
    const char* why;
  };
  const Case cases[] = {
      {"libaio", [] { unsigned long ring = 0; return ::syscall(SYS_io_setup, 8, &ring) == 0; }, "libaio"},
      {"io_uring", [] { char parameters[120] = {}; return ::syscall(SYS_io_uring_setup, 8, parameters) >= 0; }, "io_uring"},
      {"userfaultfd", [] { return ::syscall(SYS_userfaultfd, 1) >= 0; }, "userfaultfd"},
  };
  int tried = 0;
  for (const Case& one : cases) {
    const Region region(4);
    std::memset(region.at(0), 1, 4 * kPageBytes);
    base::FdPair answer = base::make_pipe();
    TestChild child([&](int) { base::write_full(answer.second.get(), std::string_view(one.begin() ? "y" : "n")); });
    WorkloadTracker tracker = make();
    EXPECT_TRUE(first_round(tracker, {child.pid()}).spaces.at(0).tracked) << one.name;
    child.do_step(0);
    char has = 'n';
    base::read_full(answer.first.get(), std::as_writable_bytes(std::span(&has, 1)));
    if (has != 'y') continue;
    ++tried;
    const WorkloadRound last = tracker.last_round({child.pid()});
    ASSERT_EQ(last.spaces.size(), 1u) << one.name;
    EXPECT_NE(last.spaces[0].why_untracked.find(one.why), std::string::npos) << last.spaces[0].why_untracked;
    EXPECT_TRUE(last.spaces[0].scan.written.covers(region.whole())) << one.name;
    static_cast<void>(first_round(tracker, {child.pid()}));
    EXPECT_FALSE(tracker.round({child.pid()}).spaces.at(0).tracked) << one.name;
  }
  if (tried == 0) GTEST_SKIP() << "this kernel has none of them";
}

}  // namespace
}  // namespace ferry::memory
