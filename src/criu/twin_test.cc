// SPDX-License-Identifier: Apache-2.0
//
// A CRIU that is killed in the moments that do most harm: played here by a process with ferry's library in it, because they are
// microseconds. tests/move/criu_death_test.cc kills the real one.
#include <dlfcn.h>
#include <elf.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <random>
#include <thread>

#include "base/fd.h"
#include "base/clock.h"
#include "criu/twin.h"

namespace ferry::criu {
namespace {

constexpr int kKills = 400, kRepairs = 20;
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

// CRIU's part, played in a child: it is to be killed.
class PlayedCriu {
 public:
  explicit PlayedCriu(pid_t task) : task_(task) {
    ::setenv(twin::kWanted, "1", 1);
    stay_on(kTaskCpu);  // the twin's, too
    void* library = ::dlopen(FERRY_BINARY_DIR "/libferry-criu.so", RTLD_NOW | RTLD_LOCAL);
    must(library != nullptr);
    stay_on(kCriuCpu);
    trace_ = reinterpret_cast<Trace*>(::dlsym(library, "ptrace"));
    const auto wait = reinterpret_cast<pid_t (*)(pid_t, int*, int, rusage*)>(::dlsym(library, "wait4"));
    trace(PTRACE_SEIZE);
    trace(PTRACE_INTERRUPT);
    must(wait(task, nullptr, __WALL, nullptr) == task);
  }
  // Lets kCode run in it.
  void launch(uint64_t rounds) {
    user_regs_struct registers{};
    iovec area{&registers, sizeof registers};
    trace(PTRACE_GETREGSET, NT_PRSTATUS, &area);
    uint64_t all = ~0ULL;
    trace(PTRACE_SETSIGMASK, sizeof all, &all);
    const auto place = reinterpret_cast<uint64_t>(&place_for_code);
    trace(PTRACE_POKEDATA, place, reinterpret_cast<void*>(kCode));
    registers.rip = place;
    registers.rcx = rounds;
    registers.orig_rax = ~0ULL;
    trace(PTRACE_SETREGSET, NT_PRSTATUS, &area);
    trace(PTRACE_CONT);
  }
  void begin_repair(int fd) {
    const base::Fd process(static_cast<int>(::syscall(SYS_pidfd_open, task_, 0)));
    const base::Fd socket(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), fd, 0)));
    const int on = 1;
    must(::setsockopt(socket.get(), IPPROTO_TCP, TCP_REPAIR, &on, sizeof on) == 0);
  }

 private:
  using Trace = long(int, pid_t, void*, void*);
  static void must(bool good) {
    if (!good) ::_exit(1);
  }
  void trace(int request, uint64_t address = 0, void* data = nullptr) {
    must(trace_(request, task_, reinterpret_cast<void*>(address), data) == 0);
  }

  const pid_t task_;
  Trace* trace_ = nullptr;
};

// A child that dies of SIGKILL after `play`.
void kill_criu(const std::function<void()>& play) {
  const pid_t criu = ::fork();
  if (criu == 0) {
    play();
    ::raise(SIGKILL);
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(criu, &status, 0), criu);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "CRIU's part went wrong: " << status;
}

bool is_traced(pid_t pid) {
  return base::read_file("/proc/" + std::to_string(pid) + "/status").find("TracerPid:\t0\n") == std::string::npos;
}

class TwinTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "one CPU: no kill would come while code of CRIU's runs";
    if (::geteuid() != 0) GTEST_SKIP() << "not root: no connection can be repaired";
    count_ = static_cast<std::atomic<uint64_t>*>(
        ::mmap(nullptr, sizeof *count_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    ASSERT_NE(count_, MAP_FAILED);
  }
  void TearDown() override {
    if (task_ > 0) ::kill(task_, SIGKILL);
    if (task_ > 0) ::waitpid(task_, nullptr, 0);
    if (count_ != nullptr) ::munmap(count_, sizeof *count_);
  }
  // A task that does it again and again, and counts.
  void run(const std::function<void()>& once) {
    task_ = ::fork();
    if (task_ != 0) return;
    stay_on(kTaskCpu);
    for (;; ++*count_) once();
  }
  void expect_to_go_on(const std::string& what) const {
    const auto deadline = base::mono_now() + kLimit;
    while (is_traced(task_) && base::mono_now() < deadline) ::usleep(200);
    ASSERT_FALSE(is_traced(task_)) << what;
    const uint64_t before = *count_;
    int status = 0;
    while (*count_ == before && ::waitpid(task_, &status, WNOHANG) == 0 && base::mono_now() < deadline) ::usleep(200);
    ASSERT_NE(*count_, before) << what << ": it has ended or stands still, status " << status;
  }

  pid_t task_ = 0;
  std::atomic<uint64_t>* count_ = nullptr;
};

TEST_F(TwinTest, ATaskThatHasJustRunIntoTheTrapOfADeadCriuLives) {
  run([] {});
  std::mt19937 random(1);
  for (int i = 0; i < kKills && !HasFailure(); ++i) {
    const uint64_t rounds = std::uniform_int_distribution<uint64_t>(1, kMostRounds)(random);
    kill_criu([&] { PlayedCriu(task_).launch(rounds); });
    expect_to_go_on(fmt::format("kill {}, {} rounds", i, rounds));
  }
}

TEST_F(TwinTest, AConnectionThatADeadCriuHasInRepairModeIsUsableWhenTheTaskGoesOn) {
  const base::Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const base::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  run([&] {
    char byte = 0;
    if (::recv(socket.get(), &byte, 1, MSG_DONTWAIT) >= 0 || errno != EAGAIN) ::_exit(errno);
  });
  for (int i = 0; i < kRepairs && !HasFailure(); ++i) {
    kill_criu([&] { PlayedCriu(task_).begin_repair(socket.get()); });
    expect_to_go_on(fmt::format("kill {}", i));
  }
}

}  // namespace
}  // namespace ferry::criu
