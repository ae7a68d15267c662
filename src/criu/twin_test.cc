// SPDX-License-Identifier: Apache-2.0
//
// A CRIU that is killed while code of its own runs in a task: played here by a process with ferry's library in it, because the kill
// has to come within microseconds of the end of that code. tests/move/criu_death_test.cc kills the real one.
#include <dlfcn.h>
#include <elf.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <random>
#include <thread>

#include "base/fd.h"
#include "base/clock.h"
#include "criu/twin.h"

namespace ferry::criu {
namespace {

constexpr int kKills = 400;
constexpr uint64_t kMostRounds = 600'000;  // of the code below: some 200 µs, about what the twin takes to hear of CRIU's end
// How long it takes is the number in %rcx.
// 1: dec %rcx; jnz 1b; int3
constexpr uint64_t kCode = 0x9090ccfb'75c9ff48;
constexpr int kTaskCpu = 0, kCriuCpu = 1;
constexpr base::milliseconds kLimit{10'000};

void stay_on(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  ::sched_setaffinity(0, sizeof set, &set);
}

// Nobody calls it.
[[gnu::noinline, gnu::aligned(64)]] void place_for_code() {
  asm volatile("nop; nop; nop; nop; nop; nop; nop; nop");
}

// In a child: takes hold of the task, lets `kCode` run in it, and is killed.
[[noreturn]] void be_criu(pid_t task, uint64_t rounds) {
  ::setenv(twin::kWanted, "1", 1);
  stay_on(kTaskCpu);  // the twin's, too
  void* library = ::dlopen(FERRY_BINARY_DIR "/libferry-criu.so", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) ::_exit(1);
  stay_on(kCriuCpu);
  const auto trace = reinterpret_cast<long (*)(int, pid_t, void*, void*)>(::dlsym(library, "ptrace"));
  const auto wait = reinterpret_cast<pid_t (*)(pid_t, int*, int, rusage*)>(::dlsym(library, "wait4"));
  const auto check = [](bool good) {
    if (!good) ::_exit(1);
  };
  check(trace(PTRACE_SEIZE, task, nullptr, nullptr) == 0 && trace(PTRACE_INTERRUPT, task, nullptr, nullptr) == 0);
  check(wait(task, nullptr, __WALL, nullptr) == task);
  user_regs_struct registers{};
  iovec area{&registers, sizeof registers};
  uint64_t all = ~0ULL;
  void* const status = reinterpret_cast<void*>(NT_PRSTATUS);
  check(trace(PTRACE_GETREGSET, task, status, &area) == 0);
  check(trace(PTRACE_SETSIGMASK, task, reinterpret_cast<void*>(sizeof all), &all) == 0);
  void* const place = reinterpret_cast<void*>(&place_for_code);
  check(trace(PTRACE_POKEDATA, task, place, reinterpret_cast<void*>(kCode)) == 0);
  registers.rip = reinterpret_cast<uint64_t>(place);
  registers.rcx = rounds;
  registers.orig_rax = ~0ULL;
  check(trace(PTRACE_SETREGSET, task, status, &area) == 0 && trace(PTRACE_CONT, task, nullptr, nullptr) == 0);
  ::raise(SIGKILL);
  ::_exit(1);
}

bool is_traced(pid_t pid) {
  return base::read_file("/proc/" + std::to_string(pid) + "/status").find("TracerPid:\t0\n") == std::string::npos;
}

struct Shared {
  std::atomic<uint64_t> count;
};

TEST(Twin, ATaskThatHasJustRunIntoTheTrapOfADeadCriuLives) {
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "one CPU: the kill would not come while the code runs";
  auto* shared = static_cast<Shared*>(
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(shared, MAP_FAILED);
  const pid_t task = ::fork();
  if (task == 0) {
    stay_on(kTaskCpu);
    for (;;) ++shared->count;
  }
  std::mt19937 random(1);
  for (int i = 0; i < kKills && !HasFailure(); ++i) {
    const uint64_t rounds = std::uniform_int_distribution<uint64_t>(1, kMostRounds)(random);
    const pid_t criu = ::fork();
    if (criu == 0) be_criu(task, rounds);
    int status = 0;
    ASSERT_EQ(::waitpid(criu, &status, 0), criu);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "CRIU's part went wrong, kill " << i;
    const auto deadline = base::mono_now() + kLimit;
    while (is_traced(task) && base::mono_now() < deadline) ::usleep(200);
    ASSERT_FALSE(is_traced(task)) << "kill " << i;
    const uint64_t before = shared->count;
    while (shared->count == before && ::waitpid(task, &status, WNOHANG) == 0 && base::mono_now() < deadline) ::usleep(200);
    ASSERT_NE(shared->count, before) << "kill " << i << ", " << rounds << " rounds: it has ended or stands still, status "
                                     << status;
  }
  ::kill(task, SIGKILL);
  ::waitpid(task, nullptr, 0);
  ::munmap(shared, sizeof(Shared));
}

}  // namespace
}  // namespace ferry::criu
