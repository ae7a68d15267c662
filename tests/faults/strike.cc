// SPDX-License-Identifier: Apache-2.0
#include "faults/strike.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

namespace ferry::faults {
namespace {

// What the workload's ports and its host's own packets leave by (lab/host.cc).
constexpr const char* kUplink = "eth0";
constexpr const char* kBridge = "br0";

bool is_inet_connection(int fd) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  return ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0 &&
         (peer.ss_family == AF_INET || peer.ss_family == AF_INET6);
}

}  // namespace

Striker::Blow Striker::aim(Victim victim) const {
  switch (victim) {
    case Victim::kSourceFerry: return kill(source_, Role::kMove);
    case Victim::kTargetFerry: return kill(target_, Role::kReceive);
    case Victim::kSourceCriu: return kill(source_, Role::kCriu);
    case Victim::kTargetCriu: return kill(target_, Role::kCriu);
    case Victim::kSourceAll: return kill_all_on({source_});
    case Victim::kTargetAll: return kill_all_on({target_});
    case Victim::kEverything: return kill_all_on({source_, target_});
    case Victim::kConnection: return cut_connection();
    case Victim::kLink: return change_link([](kernel::Netlink& net) { net.set_up(kUplink, false); });
    case Victim::kMute: return change_link([](kernel::Netlink& net) { net.set_master(kUplink, ""); });
    case Victim::kCutOff:
      return [cut = aim(Victim::kLink), source = aim(Victim::kSourceFerry), target = aim(Victim::kTargetFerry)] {
        cut();
        const std::string no_source = source(), no_target = target();
        return no_source.empty() || no_target.empty() ? std::string() : no_source;
      };
    case Victim::kJournal: break;  // ferry does it to itself
  }
  return [] { return std::string("no such victim"); };
}

void Striker::heal(Victim victim) const {
  if (victim == Victim::kLink || victim == Victim::kCutOff) {
    change_link([](kernel::Netlink& net) { net.set_up(kUplink, true); })();
  } else if (victim == Victim::kMute) {
    change_link([](kernel::Netlink& net) { net.set_master(kUplink, kBridge); })();
  }
}

Striker::Blow Striker::change_link(const std::function<void(kernel::Netlink&)>& change) const {
  return [this, change] {
    outside_.in_network_of(target_, change);
    return std::string();
  };
}

Striker::Blow Striker::kill(const std::string& host, Role role) const {
  std::vector<Task> victims = outside_.tasks();
  std::erase_if(victims, [&](const Task& task) { return task.host != host || task.role != role; });
  return [victims] {
    int killed = 0;
    for (const auto& task : victims) killed += kernel::signal_process(task.process, SIGKILL);
    return killed > 0 ? std::string() : std::string("nobody was there to be killed");
  };
}

std::vector<Task> Striker::all_of_ferry_on(const std::vector<std::string>& hosts) const {
  std::vector<Task> tasks = outside_.tasks();
  std::erase_if(tasks, [&](const Task& task) {
    return !is_of_ferry(task.role) || std::ranges::find(hosts, task.host) == hosts.end();
  });
  return tasks;
}

// At once: nobody may have the time to notice the death of another, so all are stopped before the first one dies. Again until none
// is left, as one may just have been forking.
Striker::Blow Striker::kill_all_on(const std::vector<std::string>& hosts) const {
  return [this, hosts, victims = all_of_ferry_on(hosts)]() mutable {
    constexpr int kRounds = 20;
    int killed = 0;
    for (int round = 0; round < kRounds && !victims.empty(); ++round) {
      for (const auto& task : victims) kernel::signal_process(task.process, SIGSTOP);
      for (const auto& task : victims) killed += kernel::signal_process(task.process, SIGKILL);
      victims = all_of_ferry_on(hosts);
    }
    return killed > 0 ? std::string() : std::string("nobody was there to be killed");
  };
}

// `ferry move` has one TCP socket; that to sshd is in its child.
Striker::Blow Striker::cut_connection() const {
  for (const auto& task : outside_.tasks()) {
    if (task.host != source_ || task.role != Role::kMove) continue;
    const base::Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, task.process.pid, 0)));
    for (const auto& file : kernel::open_files(task.process.pid)) {
      if (!file.target.starts_with("socket:")) continue;
      auto socket = std::make_shared<base::Fd>(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd.get(), file.fd, 0)));
      if (!*socket || !is_inet_connection(socket->get())) continue;
      return [socket] {
        return ::shutdown(socket->get(), SHUT_RDWR) == 0 ? std::string() : std::string("its connection had ended already");
      };
    }
  }
  return [] { return std::string("no control connection"); };
}

}  // namespace ferry::faults
