// SPDX-License-Identifier: Apache-2.0
//
// Injections into programs of every awkward kind. Each victim checks itself; afterwards nothing may be left in it.
#include "kernel/injection.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <thread>

#include "kernel/injection_victim.h"
#include "kernel/procfs.h"
#include "kernel/userfaultfd.h"

namespace ferry::kernel {
namespace {

TEST(Injection, FetchesAUserfaultfdOfTheOthersMemory) {
  Victim victim(compute_until);
  UserfaultfdMade made = make_userfaultfd(victim.pid());
  ASSERT_EQ(made.outcome, Injected::kDone) << made.why;
  const Userfaultfd uffd(std::move(made.fd));
  EXPECT_TRUE(uffd.try_handshake(0));
  victim.expect_untouched();
  EXPECT_EQ(victim.end(), 0);
}

TEST(Injection, LeavesAComputationAsItWas) {
  Victim victim(compute_until);
  for (int i = 0; i < 50; ++i) ASSERT_NO_FATAL_FAILURE(inject_and_check(victim.pid()));
  victim.expect_untouched();
  EXPECT_EQ(victim.end(), 0);
}

// The victim is hit by a signal that it handles, again and again, while we inject: each must be handled once.
TEST(Injection, LosesNoSignal) {
  Victim victim([](int stop) {
    static std::atomic<int> handled{0};
    struct sigaction action {};
    action.sa_handler = [](int) { ++handled; };
    ::sigaction(SIGRTMIN, &action, nullptr);  // queued, not merged
    while (!ended(stop)) {
    }
    return handled == 200 ? 0 : 1;
  });
  ::usleep(50'000);
  std::thread sender([&] {
    for (int i = 0; i < 200; ++i) {
      while (::sigqueue(victim.pid(), SIGRTMIN, {}) != 0) ::usleep(100);
      ::usleep(300);
    }
  });
  for (int i = 0; i < 10; ++i) inject_and_check(victim.pid());
  sender.join();
  ::usleep(50'000);
  EXPECT_EQ(victim.end(), 0);
}

TEST(Injection, StopsThreadsThatAreBornMeanwhile) {
  Victim victim([](int stop) {
    std::atomic<bool> end{false};
    std::vector<std::thread> breeders;
    for (int i = 0; i < 4; ++i) {
      breeders.emplace_back([&] {
        while (!end) std::thread([] {}).join();
      });
    }
    char byte;
    static_cast<void>(::read(stop, &byte, 1));
    end = true;
    for (auto& thread : breeders) thread.join();
    return 0;
  });
  for (int i = 0; i < 10; ++i) ASSERT_NO_FATAL_FAILURE(inject_and_check(victim.pid()));
  victim.expect_untouched();
  EXPECT_EQ(victim.end(), 0);
}

// Children that are forked at that moment must not get a copy of the descriptor.
TEST(Injection, NoChildInheritsIt) {
  Victim victim([](int stop) {
    while (!ended(stop)) {
      const pid_t child = ::fork();
      if (child == 0) {
        for (const OpenFile& file : open_files(::getpid())) {
          if (file.target.find("userfaultfd") != std::string::npos) ::_exit(1);
        }
        ::_exit(0);
      }
      int status = 0;
      ::waitpid(child, &status, 0);
      if (status != 0) return 1;
    }
    return 0;
  });
  for (int i = 0; i < 20; ++i) ASSERT_NO_FATAL_FAILURE(inject_and_check(victim.pid()));
  EXPECT_EQ(victim.end(), 0);
}

TEST(Injection, WorksOnAStoppedTaskThatStaysStopped) {
  Victim victim(compute_until);
  ::kill(victim.pid(), SIGSTOP);
  while (task_state(victim.pid()) != 'T') ::usleep(1000);
  ASSERT_NO_FATAL_FAILURE(inject_and_check(victim.pid()));
  ::usleep(20'000);
  EXPECT_EQ(task_state(victim.pid()), 'T');
  victim.expect_untouched();
  ::kill(victim.pid(), SIGCONT);
  EXPECT_EQ(victim.end(), 0);
}

TEST(Injection, RefusesATaskThatSomebodyTraces) {
  Victim victim(compute_until);
  ASSERT_EQ(::ptrace(PTRACE_SEIZE, victim.pid(), 0, 0), 0);
  const auto made = make_userfaultfd(victim.pid());
  EXPECT_EQ(made.outcome, Injected::kTraced);
  EXPECT_NE(made.why.find(std::to_string(::getpid())), std::string::npos) << made.why;
}

TEST(Injection, SaysWhenNobodyIsThere) {
  EXPECT_EQ(make_userfaultfd(1 << 30).outcome, Injected::kGone);
  const pid_t zombie = ::fork();
  if (zombie == 0) ::_exit(0);
  siginfo_t info;
  ::waitid(P_PID, static_cast<id_t>(zombie), &info, WEXITED | WNOWAIT);
  EXPECT_EQ(make_userfaultfd(zombie).outcome, Injected::kGone);
  ::waitpid(zombie, nullptr, 0);
}

// A parent in vfork cannot be stopped; it must not stay stopped after we have given up either.
TEST(Injection, GivesUpOnAParentInVfork) {
  Victim victim([](int stop) {
    char byte = 0;
    if (::vfork() == 0) {
      static_cast<void>(::read(stop, &byte, 1));
      ::_exit(0);
    }
    return 0;
  });
  while (task_state(victim.pid()) != 'D') ::usleep(1000);
  const auto made = make_userfaultfd(victim.pid(), std::chrono::milliseconds(30));
  EXPECT_EQ(made.outcome, Injected::kBusy) << made.why;
  EXPECT_EQ(victim.end(), 0);
}

int with_filter(uint32_t action, int stop) {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_userfaultfd, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, action),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{4, filter};
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return 2;
  return compute_until(stop);
}

TEST(Injection, IsNotForASeccompFilterToForbid) {
  if (::geteuid() != 0) GTEST_SKIP() << "suspending a filter needs CAP_SYS_ADMIN";
  for (const uint32_t action : {SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_KILL_PROCESS}) {
    Victim victim([&](int stop) { return with_filter(action, stop); });
    while (status_field(victim.pid(), "Seccomp") != "2") ::usleep(1000);
    ASSERT_NO_FATAL_FAILURE(inject_and_check(victim.pid()));
    EXPECT_EQ(status_field(victim.pid(), "Seccomp"), "2");
    EXPECT_EQ(victim.end(), 0);
  }
}

TEST(Injection, WorksOnUnprivilegedTasksInNamespacesOfTheirOwn) {
  if (::geteuid() != 0) GTEST_SKIP() << "making namespaces needs root";
  Victim victim([](int stop) {
    if (::setresgid(65534, 65534, 65534) != 0 || ::setresuid(65534, 65534, 65534) != 0) return 2;
    if (::unshare(CLONE_NEWUSER) != 0) return 3;
    return compute_until(stop);
  });
  ::usleep(50'000);
  ASSERT_NO_FATAL_FAILURE(inject_and_check(victim.pid()));
  EXPECT_EQ(victim.end(), 0);
}

TEST(Injection, ClosesDescriptorsInTheTask) {
  const int extra = ::open("/dev/null", O_RDONLY);
  Victim victim([&](int stop) { return compute_until(stop) + (::fcntl(extra, F_GETFD) == -1 ? 0 : 4); });
  const Injection closed = close_in(victim.pid(), {extra, 9999});
  EXPECT_EQ(closed.outcome, Injected::kDone) << closed.why;
  ::close(extra);
  EXPECT_EQ(victim.end(), 0);
}

// Whoever asked is killed at any moment: the injection is finished all the same.
TEST(Injection, OutlivesItsCaller) {
  Victim victim(compute_until);
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);  // the injections left behind become our children
  std::mt19937_64 random(5);
  for (int i = 0; i < 40; ++i) {
    const pid_t caller = ::fork();
    if (caller == 0) {
      for (;;) static_cast<void>(make_userfaultfd(victim.pid()));
    }
    ::usleep(random() % 8000);
    ::kill(caller, SIGKILL);
    ::waitpid(caller, nullptr, 0);
  }
  for (int i = 0; i < 2000 && children_of(::getpid()) != std::vector{victim.pid()}; ++i) {
    if (::waitpid(-1, nullptr, WNOHANG) <= 0) ::usleep(10'000);
  }
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
  ASSERT_EQ(children_of(::getpid()), std::vector{victim.pid()});
  victim.expect_untouched();
  ASSERT_NO_FATAL_FAILURE(inject_and_check(victim.pid()));
  EXPECT_EQ(victim.end(), 0);
}

}  // namespace
}  // namespace ferry::kernel
