// SPDX-License-Identifier: Apache-2.0
//
// For tests: a child process that other processes do things to, and that checks itself.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "kernel/injection.h"
#include "kernel/procfs.h"

namespace ferry::kernel {

// A child that runs `work` after it has said that it is ready; 0 from `work` means that it saw nothing wrong.
class Victim {
 public:
  explicit Victim(const std::function<int(int stop)>& work) {
    base::FdPair ready = base::make_pipe(), stop = base::make_pipe();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      stop.second.reset();
      base::write_full(ready.second.get(), std::string_view("r"));
      ready = {};
      ::_exit(work(stop.first.get()));
    }
    std::byte byte;
    base::read_full(ready.first.get(), {&byte, 1});
    stop_ = std::move(stop.second);
  }
  ~Victim() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Victim(const Victim&) = delete;
  pid_t pid() const { return pid_; }
  // Tells it to end; its wait status.
  int end() {
    stop_.reset();
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    return status;
  }
  void expect_untouched() const {
    EXPECT_EQ(status_field(pid_, "TracerPid"), "0");
    for (const OpenFile& file : open_files(pid_)) EXPECT_EQ(file.target.find("userfaultfd"), std::string::npos);
  }

 private:
  pid_t pid_ = 0;
  base::Fd stop_;
};

inline bool ended(int stop) {
  pollfd poll{stop, POLLIN, 0};
  return ::poll(&poll, 1, 0) > 0;
}

// Computes with many registers and compares; a register that changes under it shows at once.
inline int compute_until(int stop) {
  while (!ended(stop)) {
    uint64_t first = 0, second = 0;
    for (uint64_t* sum : {&first, &second}) {
      uint64_t a = 1, b = 2, c = 3, d = 4, e = 5, f = 6;
      for (uint64_t i = 0; i < 20'000; ++i) {
        a += b ^ i, b += c * 3, c ^= d + i, d += e, e ^= f << 1, f += a;
        __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
      }
      *sum = a ^ b ^ c ^ d ^ e ^ f;
    }
    if (first != second) return 1;
  }
  return 0;
}

inline void inject_and_check(pid_t pid) {
  const UserfaultfdMade made = make_userfaultfd(pid, std::chrono::seconds(5));
  ASSERT_EQ(made.outcome, Injected::kDone) << to_string(made.outcome) << ": " << made.why;
  ASSERT_TRUE(made.fd);
  EXPECT_TRUE(::fcntl(made.fd.get(), F_GETFD) & FD_CLOEXEC);
}

}  // namespace ferry::kernel
