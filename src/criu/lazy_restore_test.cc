// SPDX-License-Identifier: Apache-2.0
//
// What the real CRIU makes of hidden memory: dump, and restore with pages on demand.
#include <gtest/gtest.h>

#include <csetjmp>
#include <csignal>

#include "criu/test_lazy_restore.h"

namespace ferry::criu {
namespace {

constexpr int kGuardInstall = 102;  // MADV_GUARD_INSTALL, Linux 6.13
constexpr size_t kGuardAt = 8, kGuardPages = 2;

sigjmp_buf on_fault;
bool faults(uint64_t address) {
  struct sigaction action {};
  action.sa_handler = [](int) { siglongjmp(on_fault, 1); };
  ::sigaction(SIGSEGV, &action, nullptr);
  if (sigsetjmp(on_fault, 1) != 0) return true;
  const char byte = *reinterpret_cast<volatile char*>(address);
  static_cast<void>(byte);
  return false;
}

TEST_F(LazyRestore, ATaskGetsAllItsMemoryAndHoldsItsOwnUserfaultfd) {
  const TestTask task([](const TestTask::Say& say) {
    map_at(kFlag, 1, MAP_SHARED);
    map_at(kArea, kPages);
    write_area(1);
    say("ready");
    wait_for_go();
    say(fmt::format("wrong {}", wrong_in_area(1)));
    write_area(2);
    say(fmt::format("written, wrong {}", wrong_in_area(2)));
  });
  task.await("ready");
  ASSERT_NO_FATAL_FAILURE(dump(task, {task.pid()}));
  ASSERT_NO_FATAL_FAILURE(build());
  EXPECT_EQ(held_userfaultfds(task.pid()), std::vector<int>{kFirstHeldFd});
  ASSERT_NO_FATAL_FAILURE(run());
  say_go(task.pid());
  const std::string said = task.await("written");
  EXPECT_NE(said.find("\nwrong 0\n"), std::string::npos) << said;
  EXPECT_NE(said.find("written, wrong 0\n"), std::string::npos) << said;
  EXPECT_EQ(held_userfaultfds(task.pid()), std::vector<int>{kFirstHeldFd});
  EXPECT_TRUE(server_->restore_finished());
}

// What CRIU and the kernel write to a task's memory while it is restored (rseq areas) must be
// served before it is over.
TEST_F(LazyRestore, ThreadsNeedPagesDuringTheRestore) {
  const TestTask task([](const TestTask::Say& say) {
    map_at(kFlag, 1, MAP_SHARED);
    static std::atomic<int> ready, right;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([i] {
        thread_local uint64_t own[1024];
        for (auto& word : own) word = static_cast<uint64_t>(i);
        ++ready;
        wait_for_go();
        bool same = true;
        for (const auto& word : own) same = same && word == static_cast<uint64_t>(i);
        right += same;
      });
    }
    while (ready < 8) ::usleep(1000);
    say("ready");
    for (auto& thread : threads) thread.join();
    say(fmt::format("right {}", right.load()));
  });
  task.await("ready");
  ASSERT_NO_FATAL_FAILURE(dump(task, {task.pid()}));
  ASSERT_NO_FATAL_FAILURE(build());
  EXPECT_FALSE(server_->faults_in_restore()[task.pid()].empty());
  ASSERT_NO_FATAL_FAILURE(run());
  say_go(task.pid());
  EXPECT_NE(task.await("right").find("right 8"), std::string::npos) << task.said();
}

// Memory that parent and child share copy-on-write is two tasks' memory when it is restored.
TEST_F(LazyRestore, AForkTreeWithSharedPages) {
  static constexpr int kChildren = 3;
  const TestTask task([](const TestTask::Say& say) {
    map_at(kFlag, 1, MAP_SHARED);
    map_at(kArea, kPages);
    write_area(1);
    for (int i = 0; i < kChildren; ++i) {
      if (::fork() != 0) continue;
      write_area(10 + i, 0, 64);
      say(fmt::format("child {} ready", ::getpid()));
      wait_for_go();
      say(fmt::format("child wrong {}",
                      wrong_in_area(10 + i, 0, 64) + wrong_in_area(1, 64, kPages)));
      for (;;) ::pause();
    }
    write_area(2, 128, 192);
    say("parent ready");
    wait_for_go();
    say(fmt::format("parent wrong {}", wrong_in_area(1, 0, 128) + wrong_in_area(2, 128, 192) +
                                           wrong_in_area(1, 192, kPages)));
  });
  std::vector<pid_t> pids = {task.pid()};
  while (count_of(task.said(), "ready") < kChildren + 1) ::usleep(1000);
  std::istringstream said(task.said());
  for (std::string line; std::getline(said, line);) {
    if (line.starts_with("child")) pids.push_back(std::stoi(line.substr(6)));
  }
  ASSERT_NO_FATAL_FAILURE(dump(task, pids));
  ASSERT_NO_FATAL_FAILURE(build());
  for (const pid_t pid : pids) EXPECT_EQ(held_userfaultfds(pid).size(), 1u) << pid;
  ASSERT_NO_FATAL_FAILURE(run());
  say_go(task.pid());
  task.await("parent wrong");
  while (count_of(task.said(), "wrong") < kChildren + 1) ::usleep(1000);
  EXPECT_EQ(count_of(task.said(), "child wrong 0\n"), static_cast<size_t>(kChildren))
      << task.said();
  EXPECT_EQ(count_of(task.said(), "parent wrong 0\n"), 1u) << task.said();
  EXPECT_EQ(server_->tasks(), pids.size());
}

TEST_F(LazyRestore, GuardRegionsAreGuardsStill) {
  const TestTask task([](const TestTask::Say& say) {
    map_at(kFlag, 1, MAP_SHARED);
    map_at(kGuarded, 16);
    std::memset(reinterpret_cast<void*>(kGuarded), 5, 16 * kTestPage);
    if (::madvise(reinterpret_cast<void*>(kGuarded + kGuardAt * kTestPage), kGuardPages * kTestPage,
                  kGuardInstall) != 0) {
      say("ready, without");
    }
    say("ready");
    wait_for_go();
    std::string pattern;
    for (size_t i = 0; i < 16; ++i)
      pattern += faults(kGuarded + i * kTestPage)                          ? 'g'
                 : *reinterpret_cast<char*>(kGuarded + i * kTestPage) == 5 ? '.'
                                                                           : '!';
    say("pages " + pattern);
  });
  if (task.await("ready").find("without") != std::string::npos)
    GTEST_SKIP() << "this kernel has no guard regions (Linux 6.13)";
  const std::vector<hidden::Range> guards = {
      {kGuarded + kGuardAt * kTestPage, kGuarded + (kGuardAt + kGuardPages) * kTestPage}};
  ASSERT_NO_FATAL_FAILURE(dump(task, {task.pid()}, guards));
  ASSERT_NO_FATAL_FAILURE(build());
  ASSERT_NO_FATAL_FAILURE(run());
  say_go(task.pid());
  EXPECT_NE(task.await("pages").find("pages ........gg......"), std::string::npos) << task.said();
}

// The reason for the held descriptor: when all others have gone, missing pages do not become zeros.
TEST_F(LazyRestore, WithoutAnybodyToFillItATaskWaits) {
  const TestTask task([](const TestTask::Say& say) {
    map_at(kFlag, 1, MAP_SHARED);
    map_at(kArea, kPages);
    write_area(1);
    say("ready");
    wait_for_go();
    say("began");
    say(fmt::format("wrong {}", wrong_in_area(1)));
  });
  task.await("ready");
  ASSERT_NO_FATAL_FAILURE(dump(task, {task.pid()}));
  ASSERT_NO_FATAL_FAILURE(build());
  ASSERT_NO_FATAL_FAILURE(run());
  server_.reset();
  say_go(task.pid());
  std::this_thread::sleep_for(base::milliseconds(300));
  EXPECT_EQ(task.said().find("wrong"), std::string::npos) << task.said();
  EXPECT_EQ(held_userfaultfds(task.pid()).size(), 1u);
}

}  // namespace
}  // namespace ferry::criu
