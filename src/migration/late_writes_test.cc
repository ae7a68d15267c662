// SPDX-License-Identifier: Apache-2.0
#include "migration/late_writes.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <functional>

#include "base/clock.h"
#include "kernel/procfs.h"

namespace ferry::migration {
namespace {

constexpr timespec kLong{1'000, 0};

// A child that waits in a call, with memory of its own on a page of its own.
class Waiting {
 public:
  explicit Waiting(const std::function<void(timespec* there)>& call) {
    void* page = ::mmap(nullptr, memory::kPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    there_ = static_cast<timespec*>(page);
    *there_ = kLong;
    child_ = ::fork();
    if (child_ == 0) {
      call(there_);
      ::_exit(0);
    }
    const auto deadline = base::mono_now() + std::chrono::seconds(10);
    while (base::mono_now() < deadline && kernel::task_state(child_) != 'S') ::usleep(1'000);
  }
  ~Waiting() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    ::munmap(there_, memory::kPageBytes);
  }
  pid_t pid() const { return child_; }
  memory::PageSet found() const {
    const auto call = kernel::current_call(child_, child_);
    return call ? late_writes({&*call, 1}) : memory::PageSet();
  }
  memory::PageSet there() const {
    const auto at = reinterpret_cast<uint64_t>(there_);
    return {{at, at + memory::kPageBytes}};
  }

 private:
  timespec* there_;
  pid_t child_;
};

TEST(LateWrites, WhatASleepHasLeft) {
  const Waiting sleeper([](timespec* there) { ::syscall(SYS_nanosleep, &kLong, there); });
  EXPECT_EQ(sleeper.found(), sleeper.there());
}

TEST(LateWrites, WhatASleepByAClockHasLeft) {
  const Waiting sleeper([](timespec* there) { ::syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &kLong, there); });
  EXPECT_EQ(sleeper.found(), sleeper.there());
}

TEST(LateWrites, StillAfterItWasInterrupted) {
  const Waiting sleeper([](timespec* there) { ::syscall(SYS_nanosleep, &kLong, there); });
  // Stopped and continued, it sleeps on in restart_syscall(2).
  const auto child = sleeper.pid();
  ::kill(child, SIGSTOP);
  ::waitpid(child, nullptr, WUNTRACED);
  ::kill(child, SIGCONT);
  const auto deadline = base::mono_now() + std::chrono::seconds(10);
  while (base::mono_now() < deadline && kernel::current_call(child, child).value_or(kernel::CurrentCall{}).number != SYS_restart_syscall) ::usleep(1'000);
  EXPECT_TRUE(sleeper.found().covers(sleeper.there().ranges().front()));
}

TEST(LateWrites, NothingOfOtherCalls) {
  const Waiting polling([](timespec* there) { ::syscall(SYS_ppoll, nullptr, 0, there, nullptr, 0); });
  const Waiting waiting([](timespec*) { ::pause(); });
  EXPECT_TRUE(polling.found().empty());
  EXPECT_TRUE(waiting.found().empty());
}

TEST(LateWrites, NothingOfOneThatHasGone) {
  EXPECT_FALSE(kernel::current_call(1 << 30, 1 << 30));
  EXPECT_TRUE(late_writes({}).empty());
}

}  // namespace
}  // namespace ferry::migration
