// SPDX-License-Identifier: Apache-2.0
#include "lab/exec.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <optional>

#include "base/error.h"
#include "kernel/namespaces.h"
#include "lab/cgroups.h"
#include "lab/foreground.h"
#include "lab/host_files.h"
#include "lab/life.h"
#include "lab/terminal.h"

namespace ferry::lab {

using base::SysError;

namespace {

constexpr int kNotFound = 127, kNotExecutable = 126;  // as shells say it

// Opened while we still see the machine's cgroups; whoever writes "0" there moves itself.
std::vector<base::Fd> open_cgroups(pid_t pid) {
  std::vector<base::Fd> files;
  for (const auto& directory : cgroups_of(pid)) {
    files.push_back(base::open_file(directory / "cgroup.procs", O_WRONLY));
  }
  return files;
}

void set_environment() {
  ::setenv("PATH", kHostSearchPath, 1);
  ::setenv("HOME", "/root", 1);
  ::setenv("USER", "root", 1);
  ::setenv("LOGNAME", "root", 1);
  // These name things of the machine.
  for (const char* name : {"FERRY_LAB", "TMPDIR", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "SSH_AUTH_SOCK",
                           "LD_PRELOAD", "LD_LIBRARY_PATH"}) {
    ::unsetenv(name);
  }
}

void keep_working_directory(const std::string& directory) {
  if (!directory.empty() && ::chdir(directory.c_str()) == 0) return;
  if (::chdir("/root") < 0 && ::chdir("/") < 0) throw SysError("chdir", errno, "/");
}

}  // namespace

int exec_in_host(const LabState& lab, const std::string& name, const base::Argv& argv) {
  const HostState& host = host_named(lab, name);
  const auto cgroups = open_cgroups(host.init.pid);
  const auto namespaces = kernel::Namespaces::of(host.init.pid);
  // Checked when all is open: what is open belongs to the process that was meant.
  if (!kernel::is_alive(host.init)) base::refuse(fmt::format("host \"{}\" is not up", name), "its init has gone");
  std::error_code none;
  const std::string directory = std::filesystem::current_path(none).string();

  const base::Fd own_pids = kernel::open_namespace(::getpid(), "pid");
  Foreground foreground;
  const LifeTie tie;
  namespaces.enter();
  keep_working_directory(directory);
  set_environment();
  std::optional<Terminal> terminal;
  if (Terminal::is_wanted()) terminal.emplace();
  base::SpawnOptions options;
  options.stdin_fd = terminal ? terminal->program_end() : STDIN_FILENO;
  options.stdout_fd = terminal ? terminal->program_end() : STDOUT_FILENO;
  options.stderr_fd = terminal && ::isatty(STDERR_FILENO) ? terminal->program_end() : STDERR_FILENO;
  options.new_session = terminal.has_value();
  options.in_child = [&] {
    tie.hold();
    if (terminal) Terminal::take_over();
    for (const auto& file : cgroups) base::write_full(file.get(), "0");
    // Whatever the caller had open without close-on-exec stays on the machine.
    ::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  };
  try {
    base::Child child = base::spawn(argv, options);
    // One child in the host is enough; and while ours would land there, the kernel lets us make no threads.
    if (::setns(own_pids.get(), CLONE_NEWPID) < 0) throw SysError("setns", errno, "pid");
    if (terminal) terminal->carry();
    return foreground.wait_for(child);
  } catch (const SysError& failure) {
    if (failure.number() != ENOENT && failure.number() != EACCES) throw;
    const int code = failure.number() == ENOENT ? kNotFound : kNotExecutable;
    throw base::Error({fmt::format("cannot run {} on {}", argv[0], name), failure.what(), "", {}, {}},
                      static_cast<base::Exit>(code));
  }
}

}  // namespace ferry::lab
