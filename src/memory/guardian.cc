// SPDX-License-Identifier: Apache-2.0
#include "memory/guardian.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "memory/filler.h"
#include "memory/settle_state.h"

namespace ferry::memory {
namespace {

// A filler that fails (it is not killed, it gives up) is tried again, at this pace: the workload
// waits for it in any case.
constexpr base::milliseconds kAfterFailure{200};
constexpr int kFillerFailed = 1;

int open_pidfd(pid_t pid) {
  const auto fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (fd >= 0) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  return fd;
}

// A fork that shares the table of descriptors. Returns 0 in the child.
pid_t clone_with_descriptors() {
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0));
  if (pid < 0) throw base::SysError("clone", errno, "CLONE_FILES");
  return pid;
}

// Replaces a descriptor in the shared state; the old one is closed, the number of the new one is
// valid in both processes.
void replace_pidfd(std::atomic<int32_t>& place, pid_t pid) {
  const int old = place.exchange(open_pidfd(pid));
  if (old >= 0) ::close(old);
}

class Pair {
 public:
  Pair(const SharedState& state, const FillHooks& hooks) : state_(state), hooks_(hooks) {}

  // In the guardian: starts fillers until there is an outcome.
  int guard(bool filler_runs) {
    while (state_->outcome == Outcome::kOpen) {
      if (!filler_runs && clone_filler() == 0) fill();
      filler_runs = false;
      wait_for_filler();
    }
    return 0;
  }

 private:
  pid_t clone_filler() {
    replace_pidfd(state_->guardian_pidfd, ::getpid());
    state_->guardian_pid = ::getpid();
    write_marker(state_, ::getpid());
    const pid_t filler = clone_with_descriptors();
    if (filler > 0) {
      state_->filler_pid = filler;
      replace_pidfd(state_->filler_pidfd, filler);
    }
    return filler;
  }

  void wait_for_filler() {
    pollfd entry{state_->filler_pidfd, POLLIN, 0};
    while (::poll(&entry, 1, -1) < 0 && errno == EINTR) {
    }
    int status = 0;
    const bool was_ours = ::waitpid(state_->filler_pid, &status, __WALL) > 0;
    if (state_->outcome != Outcome::kOpen) return;
    ++state_->takeovers;
    if (was_ours && WIFEXITED(status)) std::this_thread::sleep_for(kAfterFailure);
  }

  // In the filler; does not return. The object is left alone whatever happens: unwinding must close
  // no userfaultfd.
  [[noreturn]] void fill() {
    try {
      if (is_wanted()) {
        auto* filler = new Filler(state_, hooks_, [this] { replace_guardian(); });
        filler->run();
      } else {
        end_unwanted();
      }
    } catch (const std::exception& failure) {
      state_.set_trouble(failure.what());
      ::_exit(kFillerFailed);
    }
    ::_exit(0);
  }

  // False: nobody is left who could want anything.
  bool is_wanted() {
    constexpr uint32_t kAnything = kWantServe | kWantAbort;
    while ((state_->wanted & kAnything) == 0) {
      pollfd entries[] = {{state_->commands, POLLIN, 0}, {state_->guardian_pidfd, POLLIN, 0}, {state_->owner, POLLIN, 0}};
      if (::poll(entries, std::size(entries), -1) < 0) continue;
      if (entries[1].revents != 0) replace_guardian();
      if (entries[2].revents != 0 && (state_->wanted & kAnything) == 0) return false;
    }
    return true;  // the word itself is left for the filler to read
  }

  void end_unwanted() {
    if (state_->marker_path[0] != 0) ::unlink(state_->marker_path);
    state_->outcome = Outcome::kLost;
  }

  void replace_guardian() {
    ++state_->takeovers;
    while (::waitpid(-1, nullptr, WNOHANG | __WALL) > 0) {  // of earlier ones that we have started
    }
    // The dead one may not have come to it; the new one must not take us for dead.
    state_->filler_pid = ::getpid();
    replace_pidfd(state_->filler_pidfd, ::getpid());
    write_marker(state_, ::getpid());
    const pid_t guardian = clone_with_descriptors();
    if (guardian == 0) ::_exit(guard(true));
    state_->guardian_pid = guardian;
    replace_pidfd(state_->guardian_pidfd, guardian);
  }

  const SharedState& state_;
  const FillHooks& hooks_;
};

void become_daemon() {
  ::setsid();
  for (const int number : {SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGPIPE}) ::signal(number, SIG_IGN);
  // Each fork of the workload brings a descriptor.
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  // When memory is short, let it be anyone but those whose end blocks the workload. Without the
  // right to: so be it.
  if (auto file = base::try_open_file("/proc/self/oom_score_adj", O_WRONLY)) {
    (void)!::write(file->get(), "-1000", 5);
  }
}

}  // namespace

int run_guardian(int state_fd, const FillHooks& hooks) {
  become_daemon();
  const SharedState state(state_fd);
  return Pair(state, hooks).guard(false);
}

}  // namespace ferry::memory
