// SPDX-License-Identifier: Apache-2.0
#include "kernel/namespaces.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <exception>
#include <sstream>
#include <thread>

#include "base/error.h"

namespace ferry::kernel {

using base::SysError;

namespace {

std::string path_of(pid_t pid, const std::string& kind) {
  return fmt::format("/proc/{}/ns/{}", pid, kind);
}

}  // namespace

base::Fd open_namespace(pid_t pid, const std::string& kind) {
  return base::open_file(path_of(pid, kind), O_RDONLY);
}

uint64_t namespace_id(pid_t pid, const std::string& kind) {
  struct stat info {};
  if (::stat(path_of(pid, kind).c_str(), &info) < 0) return 0;
  return info.st_ino;
}

Namespaces Namespaces::of(pid_t pid) {
  Namespaces result;
  const pid_t self = ::getpid();
  for (const char* kind : kNamespaceKinds) {
    if (namespace_id(pid, kind) != namespace_id(self, kind)) {
      result.fds_.emplace(kind, open_namespace(pid, kind));
    }
  }
  return result;
}

void Namespaces::enter() const {
  // The order of kNamespaceKinds is on purpose elsewhere, but mnt comes last here: it changes what paths mean.
  for (const char* kind : {"user", "pid", "net", "ipc", "uts", "time", "cgroup", "mnt"}) {
    const auto found = fds_.find(kind);
    if (found != fds_.end() && ::setns(found->second.get(), 0) < 0) {
      throw SysError("setns", errno, kind);
    }
  }
}

void in_network_namespace(int netns_fd, const std::function<void()>& work) {
  std::exception_ptr failure;
  std::thread([&] {
    try {
      if (::setns(netns_fd, CLONE_NEWNET) < 0) throw SysError("setns", errno, "net");
      work();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
}

TimeOffsets own_time_offsets() { return time_offsets_of(::getpid()); }

TimeOffsets time_offsets_of(pid_t pid) {
  // "monotonic  SECONDS  NANOSECONDS" and "boottime …"; both parts signed, the sum counts.
  TimeOffsets offsets;
  std::istringstream lines(base::read_file(fmt::format("/proc/{}/timens_offsets", pid)));
  std::string clock;
  int64_t seconds = 0, rest = 0;
  while (lines >> clock >> seconds >> rest) {
    (clock == "monotonic" ? offsets.monotonic_ns : offsets.boottime_ns) =
        seconds * 1'000'000'000 + rest;
  }
  return offsets;
}

void set_child_time_offsets(const TimeOffsets& offsets) {
  const auto line = [](const char* clock, int64_t ns) {
    // The nanoseconds must be within 0…999999999.
    int64_t seconds = ns / 1'000'000'000, rest = ns % 1'000'000'000;
    if (rest < 0) --seconds, rest += 1'000'000'000;
    return fmt::format("{} {} {}\n", clock, seconds, rest);
  };
  base::write_file("/proc/self/timens_offsets",
                   line("monotonic", offsets.monotonic_ns) + line("boottime", offsets.boottime_ns));
}

}  // namespace ferry::kernel
