// SPDX-License-Identifier: Apache-2.0
#include "criu/restorer.h"

#include <gtest/gtest.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "base/subprocess.h"

namespace ferry::criu {
namespace {

base::Child fork_and(void (*work)()) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    work();
    ::_exit(1);
  }
  return base::Child(pid);
}

void wait_for_ever() {
  for (;;) ::pause();
}

int* shared_word() {
  return static_cast<int*>(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

// As a program waits for another process: the call is made by libc.
void wait_on_a_shared_futex() { ::syscall(SYS_futex, shared_word(), FUTEX_WAIT, 0, nullptr, nullptr, 0); }

#if defined(__x86_64__)
// As CRIU's restorer does: the call is made by code in anonymous memory.
void wait_as_the_restorer_does() {
  constexpr unsigned char kCode[] = {0x4d, 0x31, 0xd2,              // xor r10, r10: no timeout
                                     0xb8, 0xca, 0x00, 0x00, 0x00,  // mov eax, SYS_futex
                                     0x0f, 0x05,                    // syscall
                                     0xc3};                         // ret
  void* blob = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  std::memcpy(blob, kCode, sizeof kCode);
  reinterpret_cast<void (*)(int*, int, int)>(blob)(shared_word(), FUTEX_WAIT, 0);
}
#endif

TEST(Restorer, NobodyIsThere) {
  EXPECT_EQ(progress_of({}), Progress::kNone);
  base::Child gone = fork_and([] { ::_exit(0); });
  const pid_t pid = gone.pid();
  gone.wait();
  EXPECT_EQ(progress_of({pid}), Progress::kNone);
}

TEST(Restorer, ATaskThatWaitsByItselfHasRun) {
  const base::Child pauses = fork_and(wait_for_ever), waits = fork_and(wait_on_a_shared_futex);
  EXPECT_EQ(progress_of({pauses.pid()}), Progress::kRan);
  EXPECT_EQ(progress_of({waits.pid()}), Progress::kRan);
}

#if defined(__x86_64__)
TEST(Restorer, ATaskInTheRestorerIsHeld) {
  const base::Child held = fork_and(wait_as_the_restorer_does), runs = fork_and(wait_for_ever);
  EXPECT_EQ(progress_of({held.pid()}), Progress::kHeld);
  EXPECT_EQ(progress_of({held.pid(), runs.pid()}), Progress::kRan);
}
#endif

}  // namespace
}  // namespace ferry::criu
