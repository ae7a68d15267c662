// SPDX-License-Identifier: Apache-2.0
#include "lab/host_init.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "lab/host_root.h"
#include "lab/link.h"
#include "lab/message.h"

namespace ferry::lab {

using base::SysError;

namespace {

constexpr int kSupervisorLimit_ms = 240'000;  // it waits for the other hosts, too
constexpr auto kSshdLimit = std::chrono::seconds(30);
constexpr auto kSshdPoll = std::chrono::milliseconds(2);

void own_namespaces(const HostPlan& plan) {
  if (::unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC) < 0) {
    throw SysError("unshare", errno, "mount, net, uts and ipc");
  }
  // The cgroup namespace's root is the cgroup that we are in when it is made.
  join_cgroups(plan.cgroups);
  if (::unshare(CLONE_NEWCGROUP) < 0) throw SysError("unshare", errno, "cgroup");
  hand_on_controllers(plan.hierarchies, plan.cgroups);
}

// Nothing of the caller's may stay open in a host: CRIU refuses to dump what points outside the mount namespace.
void clean_slate(const base::Fd& channel) {
  if (::dup2(channel.get(), STDERR_FILENO + 1) < 0) throw SysError("dup2", errno, "");
  ::fcntl(STDERR_FILENO + 1, F_SETFD, FD_CLOEXEC);
  ::close_range(STDERR_FILENO + 2, ~0U, 0);
  for (int fd = 0; fd <= STDERR_FILENO; ++fd) {
    const base::Fd null = base::open_file("/dev/null", O_RDWR);
    if (::dup2(null.get(), fd) < 0) throw SysError("dup2", errno, "/dev/null");
  }
  ::clearenv();
  ::setenv("PATH", kHostSearchPath, 1);
  ::setenv("HOME", "/root", 1);
  ::umask(022);
}

// proc_net(5): local address and port in hex, state 0A is LISTEN.
bool listens_on_22() {
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    const auto text = base::try_read_file(table);
    if (text && text->find(":0016 ") != std::string::npos) return true;
  }
  return false;
}

void start_sshd() {
  base::SpawnOptions options;
  const base::Fd log = base::open_file("/var/log/sshd.log", O_WRONLY | O_CREAT | O_APPEND, 0600);
  options.stderr_fd = options.stdout_fd = log.get();
  options.new_session = true;
  base::Child sshd = base::spawn({"/usr/sbin/sshd", "-D", "-e"}, options);
  const auto deadline = base::mono_now() + kSshdLimit;
  while (!listens_on_22()) {
    if (sshd.try_wait() || base::mono_now() > deadline) {
      throw base::Error({"sshd does not start", base::read_file("/var/log/sshd.log"), "", {}, {}});
    }
    std::this_thread::sleep_for(kSshdPoll);
  }
  sshd.release();  // it belongs to the host now
}

std::vector<KnownHost> hosts_in(const Json& message) {
  std::vector<KnownHost> hosts;
  for (const auto& host : message.at("hosts")) hosts.push_back({host.at("name"), host.at("address"), host.at("key")});
  return hosts;
}

void set_up(const HostPlan& plan, int channel) {
  own_namespaces(plan);
  send_message(channel, {{"step", "namespaces"}});
  enter_new_root({plan.scratch, plan.layers, plan.visible, plan.hierarchies});
  check_programs();
  const KeyPair host_key = make_key();
  const KeyPair user_key = plan.index == 0 ? make_key() : KeyPair{};
  send_message(channel, {{"step", "keys"},
                         {"host_key", host_key.public_key},
                         {"user_key", user_key.private_key},
                         {"user_public_key", user_key.public_key}});
  const Json told = receive_message(channel, kSupervisorLimit_ms, "the supervisor");
  const auto hosts = hosts_in(told);
  write_names(plan.name, hosts);
  add_users();
  clear_home();
  write_ssh(host_key, {told.at("user_key"), told.at("user_public_key")}, hosts);
  link_ferry(plan.executable);
  set_up_network(plan.index, plan.rate_bytes_per_second);
  start_sshd();
  send_message(channel, {{"step", "up"}});
}

// Orphans of the whole host end up here.
[[noreturn]] void reap_for_ever() {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  for (;;) {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    ::sigwaitinfo(&child, nullptr);
  }
}

}  // namespace

void run_host_init(const HostPlan& plan, const LifeTie& tie, base::Fd channel) {
  tie.hold();
  ::prctl(PR_SET_NAME, fmt::format("lab:{}", plan.name).c_str());
  // Blocked, so that none is lost between two waits; programs are started with an empty mask (base::spawn).
  sigset_t all;
  sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  if (channel.get() <= STDERR_FILENO + 1) channel = base::Fd(::fcntl(channel.get(), F_DUPFD_CLOEXEC, 16));
  constexpr int kChannel = STDERR_FILENO + 1;
  try {
    clean_slate(channel);
    channel.release();  // its number has been closed
    set_up(plan, kChannel);
    // The machine's /dev/null, opened before, is not one of this mount namespace.
    for (int fd = 0; fd <= STDERR_FILENO; ++fd) {
      const base::Fd null = base::open_file("/dev/null", O_RDWR);
      if (::dup2(null.get(), fd) < 0) throw SysError("dup2", errno, "/dev/null");
    }
    ::close(kChannel);
  } catch (const std::exception& failure) {
    send_error(kChannel, failure);
    // Stays, so that the supervisor may still look at its namespaces, and is killed by it.
  }
  reap_for_ever();
}

}  // namespace ferry::lab
