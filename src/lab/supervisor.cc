// SPDX-License-Identifier: Apache-2.0
#include "lab/supervisor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "lab/cgroups.h"
#include "lab/host.h"
#include "lab/link.h"
#include "lab/message.h"
#include "lab/state.h"

namespace ferry::lab {

using base::Error;
using base::SysError;

namespace {

constexpr int kStartLimit_ms = 300'000;  // more than any step inside may take
constexpr int kEndLimit_ms = 15'000;
constexpr int kKillLimit_ms = 10'000;
constexpr auto kKillPoll = std::chrono::milliseconds(2);

std::string new_id() {
  uint32_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number) throw SysError("getrandom", errno, "");
  return fmt::format("{:08x}", number);
}

base::Path own_executable() {
  const base::Path path = std::filesystem::read_symlink("/proc/self/exe");
  if (!std::filesystem::exists(path)) {
    throw Error({"the hosts cannot be given ferry", "the running program's file has been replaced: " + path.string(),
                 "run the new one", {}, {}});
  }
  return path;
}

// All that belongs to one lab. Leaving the scope ends it.
class Lab {
 public:
  Lab(const LabSpec& spec, const std::string& id) : spec_(spec), hierarchies_(find_hierarchies()) {
    state_ = {spec.name, id, this_boot(), kernel::find_process(::getpid()).value(), base::real_ns(),
              spec.rate_bytes_per_second, spec.delay.count(), {}};
    for (size_t i = 0; i < spec.hosts.size(); ++i) {
      HostState host{spec.hosts[i], host_prefix(i).address.text(), {}, {}};
      for (const auto& hierarchy : hierarchies_) host.cgroups.push_back(hierarchy.own / cgroup_name(id, host.name));
      state_.hosts.push_back(std::move(host));
    }
    save_lab(state_);  // first, so that whatever happens next can be cleaned up
  }
  ~Lab() {
    try {
      kill_hosts();
      if (remove_cgroups(state_, kKillLimit_ms)) forget_lab(state_.name);
    } catch (const std::exception& failure) {
      base::log("ending the lab: {}", failure.what());  // the state file stays: the next command sweeps
    }
  }
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;

  void bring_up() {
    for (size_t i = 0; i < spec_.hosts.size(); ++i) hosts_.emplace_back(plan(i));
    Switch& network = switch_.emplace(spec_);
    for (size_t i = 0; i < hosts_.size(); ++i) {
      hosts_[i].wait_for_namespaces();
      network.connect(i, hosts_[i].pid());
    }
    std::vector<KnownHost> known;
    KeyPair user_key;
    for (size_t i = 0; i < hosts_.size(); ++i) {
      const auto keys = hosts_[i].wait_for_keys();
      known.push_back({hosts_[i].name(), state_.hosts[i].address, keys.host_public_key});
      if (i == 0) user_key = keys.user_key;
    }
    for (auto& host : hosts_) host.tell(known, user_key);
    for (auto& host : hosts_) host.wait_until_up();
    for (size_t i = 0; i < hosts_.size(); ++i) {
      state_.hosts[i].init = kernel::find_process(hosts_[i].pid()).value();
    }
    save_lab(state_);
  }

 private:
  HostPlan plan(size_t index) {
    const auto& name = spec_.hosts[index];
    const auto& without = spec_.without_ferry;
    const base::Path executable = own_executable();
    HostPlan plan;
    plan.name = name;
    plan.index = index;
    plan.rate_bytes_per_second = spec_.rate_bytes_per_second;
    plan.cgroups = make_cgroups(hierarchies_, cgroup_name(state_.id, name));
    plan.hierarchies = hierarchies_;
    plan.layers = layers_of(spec_, plan.name);
    plan.scratch = kStateDirectory;
    plan.visible = {spec_.working_directory};
    if (std::find(without.begin(), without.end(), name) == without.end()) {
      plan.executable = executable;
      // Its directory holds what it works with; a common one (/tmp) is not the host's to share.
      const base::Path directory = executable.parent_path();
      plan.visible.push_back(directory == "/tmp" || directory == "/run" ? executable : directory);
    }
    return plan;
  }

  // Killed first, thawed second: on cgroup v1 a frozen task dies only when it is thawed.
  void kill_hosts() {
    for (auto& host : hosts_) host.init().signal(SIGKILL);
    const auto deadline = base::mono_now() + std::chrono::milliseconds(kKillLimit_ms);
    for (auto& host : hosts_) {
      while (host.init() && !host.init().try_wait() && base::mono_now() < deadline) {
        for (const auto& known : state_.hosts) {
          for (const auto& cgroup : known.cgroups) thaw_tree(cgroup);
        }
        std::this_thread::sleep_for(kKillPoll);
      }
      if (host.init()) host.init().release();  // it cannot be waited for: do not hang in a destructor
    }
  }

  LabSpec spec_;
  std::vector<Hierarchy> hierarchies_;
  LabState state_;
  std::vector<Host> hosts_;
  std::optional<Switch> switch_;
};

void detach_from_caller() {
  ::setsid();
  ::prctl(PR_SET_NAME, "lab");
  if (::chdir("/") < 0) throw SysError("chdir", errno, "/");
  ::signal(SIGPIPE, SIG_IGN);
  for (int fd = 0; fd <= STDERR_FILENO; ++fd) {
    // Standard error stays with -v, for the log.
    if (fd == STDERR_FILENO && base::log_enabled()) continue;
    const base::Fd null = base::open_file("/dev/null", O_RDWR);
    if (::dup2(null.get(), fd) < 0) throw SysError("dup2", errno, "/dev/null");
  }
}

base::Fd block_signals() {
  sigset_t ends;
  sigemptyset(&ends);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT}) sigaddset(&ends, number);
  ::sigprocmask(SIG_SETMASK, &ends, nullptr);
  base::Fd signals(::signalfd(-1, &ends, SFD_CLOEXEC));
  if (!signals) throw SysError("signalfd", errno, "");
  return signals;
}

void wait_for_the_end(const base::Fd& signals, const base::Fd& lifeline) {
  pollfd entries[2] = {{signals.get(), POLLIN, 0}, {lifeline ? lifeline.get() : -1, POLLIN, 0}};
  while (::poll(entries, 2, -1) < 0 && errno == EINTR) {
  }
}

// Closes whatever the caller had open: a supervisor that stays must not hold, say, the caller's pipes.
void close_all_but(std::vector<int> kept) {
  std::sort(kept.begin(), kept.end());
  unsigned next = STDERR_FILENO + 1;
  for (const int fd : kept) {
    if (fd < static_cast<int>(next)) continue;
    if (fd > static_cast<int>(next)) ::close_range(next, static_cast<unsigned>(fd) - 1, 0);
    next = static_cast<unsigned>(fd) + 1;
  }
  ::close_range(next, ~0U, 0);
}

[[noreturn]] void supervise(const LabSpec& spec, StateLock& lock, const base::Fd& report,
                            const base::Fd& lifeline) {
  int code = 0;
  try {
    detach_from_caller();
    close_all_but({report.get(), lifeline.get(), lock.fd()});
    const base::Fd signals = block_signals();
    Lab lab(spec, new_id());
    lock.let_go_in_child();  // the state file is there: also if the front was killed, nobody takes the name
    lab.bring_up();
    send_message(report.get(), {{"step", "up"}});
    wait_for_the_end(signals, lifeline);
  } catch (const std::exception& failure) {
    send_error(report.get(), failure);
    code = 1;
  }
  ::_exit(code);
}

void check_machine(const LabSpec& spec) {
  if (::geteuid() != 0) base::refuse("cannot start a lab", "it takes root", "run it with sudo");
  if (find_lab(spec.name)) {
    base::refuse(fmt::format("cannot start lab \"{}\"", spec.name), "one of that name is up",
                 fmt::format("`ferry lab down --name {}`, or choose another --name", spec.name));
  }
  for (const auto& dead : all_labs()) {
    if (dead.name != spec.name) continue;
    base::refuse(fmt::format("cannot start lab \"{}\"", spec.name), "what a dead one of that name left cannot be removed",
                 "choose another --name");
  }
}

}  // namespace

StartedLab start_lab(const LabSpec& spec, bool stays) {
  check_spec(spec);
  StateLock lock;
  sweep_dead_labs();
  check_machine(spec);
  base::FdPair report = base::make_socketpair(SOCK_SEQPACKET);
  base::FdPair line = base::make_pipe();
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) throw SysError("fork", errno, "the lab's supervisor");
  if (pid == 0) {
    line.second.reset();
    if (stays) line.first.reset();
    supervise(spec, lock, report.second, line.first);
  }
  StartedLab started{base::Child(pid), stays ? base::Fd() : std::move(line.second),
                     base::Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)))};
  report.second.reset();
  try {
    receive_message(report.first.get(), kStartLimit_ms, "its supervisor");
  } catch (...) {
    // It cleans up by itself; killing it would leave that to the next command.
    started.lifeline.reset();
    started.supervisor.signal(SIGTERM);
    started.supervisor.wait();
    throw;
  }
  return started;
}

void end_lab(const std::string& name) {
  const LabState lab = lab_named(name);
  const base::Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, lab.supervisor.pid, 0)));
  if (!pidfd || !kernel::signal_process(lab.supervisor, SIGTERM)) return;  // it has ended by itself
  if (!base::wait_readable(pidfd.get(), kEndLimit_ms)) {
    throw Error({fmt::format("lab \"{}\" does not end", lab.name),
                 fmt::format("its supervisor, pid {}, still runs", lab.supervisor.pid), "", {}, {}});
  }
  if (const auto rest = all_labs(); std::any_of(rest.begin(), rest.end(), [&](auto& l) { return l.id == lab.id; })) {
    throw Error({fmt::format("lab \"{}\" has ended, but not all of it", lab.name),
                 "some of its cgroups are still in use", "`ferry lab status` tries again", {}, {}});
  }
}

}  // namespace ferry::lab
