// SPDX-License-Identifier: Apache-2.0
#include "handover/relay_process.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/log.h"

namespace ferry::handover {

namespace {

std::string entrance_task(const RelayEntrance& entrance, const Relay::Peer& peer,
                          const kernel::IpAddr& workload, const RelayPolicy& policy) {
  return nlohmann::json{{"end", "entrance"},
                        {"name", entrance.name()},
                        {"ports", texts_of(entrance.ports())},
                        {"links", entrance.shared().links},
                        {"workload", workload.text()},
                        {"address", peer.endpoint.address},
                        {"port", peer.endpoint.port},
                        {"key", transport::to_hex(peer.key)},
                        {"peer", peer.host},
                        {"keep", policy.keep},
                        {"idle_ms", policy.idle.count()}}
      .dump();
}

std::string exit_task(const std::string& name, const RelayExitPlace& place, const std::string& host,
                      const RelayExit::Listen& listen, const transport::Key& key) {
  const auto ports = listen.ports.value_or(transport::PortRange{});
  return nlohmann::json{{"end", "exit"},
                        {"name", name},
                        {"ports", texts_of(place.ports)},
                        {"link", place.link},
                        {"workload_mac", place.workload_mac.text()},
                        {"gateway_mac", place.gateway_mac.text()},
                        {"workload", place.address.text()},
                        {"address", listen.address},
                        {"first_port", ports.first},
                        {"last_port", ports.last},
                        {"key", transport::to_hex(key)},
                        {"peer", host}}
      .dump();
}

}  // namespace

base::Child launch_relay(int control) {
  base::SpawnOptions options;
  options.stdin_fd = control;
  options.new_session = true;  // a terminal's Ctrl-C, and its end, are not for it
  options.environment = {"FERRY_FAULTS="};
  return base::spawn({"/proc/self/exe", "relay", "serve"}, options);
}

RelayProcess::RelayProcess(std::string what, const std::string& task, const std::vector<int>& fds,
                           const LaunchRelay& launch)
    : RelayTalk(std::move(what), {}) {
  auto ends = base::make_socketpair(SOCK_SEQPACKET);
  control_ = std::move(ends.first);
  child_ = launch(ends.second.get());
  pid_ = child_.pid();
  ends.second.reset();
  first_answer_ = ask(task, fds);
}

RelayProcess::~RelayProcess() {
  if (!child_) return;
  control_.reset();  // for it, the end
  try {
    child_.wait();
  } catch (const std::exception& failure) {
    base::log("{}: {}", what_, failure.what());
  }
}

void RelayProcess::release() {
  child_.release();
  control_.reset();
}

Relay::Relay(const RelayEntrance& entrance, const Peer& peer, const kernel::IpAddr& workload,
             const RelayPolicy& policy, const LaunchRelay& launch)
    : RelayProcess(fmt::format("relay the ports of {} to {}", entrance.name(), peer.host),
                   entrance_task(entrance, peer, workload, policy), entrance.shared().fds, launch) {
}

void Relay::serve(RelayEntrance entrance) {
  ask("serve");
  entrance.let_go();
  release();
}

RelayExit::RelayExit(const std::string& name, const RelayExitPlace& place, const std::string& host,
                     const Listen& listen, const LaunchRelay& launch)
    : RelayExit(name, place, host, listen, launch, transport::random_key()) {}

RelayExit::RelayExit(const std::string& name, const RelayExitPlace& place, const std::string& host,
                     const Listen& listen, const LaunchRelay& launch, const transport::Key& key)
    : RelayProcess(fmt::format("take what {} relays to {}", host, name),
                   exit_task(name, place, host, listen, key), {place.netns}, launch),
      key_(key) {
  std::from_chars(first_answer_.data(), first_answer_.data() + first_answer_.size(), port_);
}

void RelayExit::know_connections() {
  if (std::exchange(is_asked_, true)) return;
  tell("know");
}

void RelayExit::wait_until_known() {
  if (std::exchange(is_asked_, false)) hear();
}

void RelayExit::serve(pid_t root) {
  wait_until_known();
  ask(fmt::format("serve {}", root));
  release();
}

}  // namespace ferry::handover
