// SPDX-License-Identifier: Apache-2.0
#include "kernel/task_fd.h"

#include <fmt/format.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "kernel/procfs.h"

namespace ferry::kernel {
namespace {

std::optional<std::string> info_of(pid_t pid, int fd, const std::string& name) {
  return field_in(base::try_read_file(fmt::format("/proc/{}/fdinfo/{}", pid, fd)).value_or(""), name);
}

}  // namespace

TaskFds::TaskFds(pid_t pid) : process_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {}

base::Fd TaskFds::copy(int fd) const {
  if (!process_) return {};
  return base::Fd(static_cast<int>(::syscall(SYS_pidfd_getfd, process_.get(), fd, 0)));
}

std::optional<TimerState> ask_timer(pid_t pid, int fd) {
  const base::Fd timer = copy_descriptor(pid, fd);
  itimerspec now{};
  if (!timer || ::timerfd_gettime(timer.get(), &now) < 0) return std::nullopt;
  const auto ticks = info_of(::getpid(), timer.get(), "ticks");
  if (!ticks) return std::nullopt;
  return TimerState{std::stoull(*ticks), now.it_value};
}

bool is_semaphore(pid_t pid, int fd) { return info_of(pid, fd, "eventfd-semaphore") == "1"; }

}  // namespace ferry::kernel
