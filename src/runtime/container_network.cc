// SPDX-License-Identifier: Apache-2.0
#include "runtime/container_network.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "handover/attached.h"
#include "kernel/namespaces.h"
#include "kernel/procfs.h"

namespace ferry::runtime {

using nlohmann::json;

namespace {

bool is_namespace_of(const base::Path& name, uint64_t id) {
  struct stat here {};
  return ::stat(name.c_str(), &here) == 0 && here.st_ino == id;
}

// Of a container without a named network they run at the restore, too, and may be what has given it
// its link.
std::string network_hook(const json& configuration) {
  const auto hooks = configuration.value("hooks", json::object());
  for (const char* kind : {"prestart", "createRuntime"}) {
    if (hooks.contains(kind) && !hooks[kind].empty())
      return fmt::format("{} ({})", hooks[kind][0].value("path", ""), kind);
  }
  return "";
}

// Engines call the host ends of their containers' links so. A bridge that has no other port leads
// nowhere else: docker0 or podman0, as a rule.
bool is_private(const std::string& bridge) {
  const auto links = kernel::Netlink().links();
  const auto self =
      std::ranges::find_if(links, [&](const auto& link) { return link.name == bridge; });
  return self != links.end() && std::ranges::none_of(links, [&](const auto& link) {
           return link.master == self->index && !link.name.starts_with("veth");
         });
}

void add_guest_reason(uint64_t id, uint64_t pids, process::Reasons& reasons) {
  const pid_t guest = guest_of(id, pids);
  if (guest == 0) return;
  reasons.push_back(
      {fmt::format("the process {} ({}) is in its network, too", guest, kernel::comm_of(guest)),
       "its address would go away from there", "end that process first"});
}

void add_reasons(const ContainerNetwork& network, uint64_t id, uint64_t pids,
                 const json& configuration, process::Reasons& reasons) {
  if (!network.name.empty() && !is_namespace_of(network.name, id)) {
    reasons.push_back({fmt::format("{} is not its network any more", network.name.string()),
                       "its config.json names that path, and another namespace is there",
                       "start it anew in the one that it is to have"});
  }
  if (!network.identity) return;
  add_guest_reason(id, pids, reasons);
  if (const auto hook = network_hook(configuration); network.name.empty() && !hook.empty()) {
    reasons.push_back(
        {fmt::format("it has the hook {}", hook),
         "its engine runs that at the restore as well, and it may be what gives it its network",
         "let it join a named network instead (\"type\": \"network\" with a path)"});
  }
}

}  // namespace

bool PublishedNetwork::leads_to(const process::InetSocket& connection) const {
  const auto is_its = [&](const handover::PublishedPort& port) {
    return port.protocol == IPPROTO_TCP && port.workload_port == connection.port;
  };
  if (connection.udp || !std::ranges::any_of(ports, is_its)) return false;
  const auto peer = kernel::IpAddr::parse(process::plain_address(connection.remote));
  return peer.family() == AF_INET && !kernel::IpPrefix::parse("127.0.0.0/8").contains(peer) &&
         std::ranges::none_of(inside.addresses, [&](const auto& own) { return own.contains(peer); });
}

base::Path network_name(const json& configuration) {
  const auto linux_part = configuration.value("linux", json::object());
  for (const auto& space : linux_part.value("namespaces", json::array())) {
    const auto path = space.value("path", "");
    if (space.value("type", "") == "network" && !path.empty() && !path.starts_with("/proc/"))
      return path;
  }
  return {};
}

pid_t guest_of(uint64_t network, uint64_t pids_of_container) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (!std::ranges::all_of(name, [](unsigned char c) { return std::isdigit(c); })) continue;
    const pid_t pid = std::stoi(name);
    if (kernel::namespace_id(pid, "net") == network &&
        kernel::namespace_id(pid, "pid") != pids_of_container)
      return pid;
  }
  return 0;
}

namespace {

// podman makes it anew before it calls its runtime, with all that tells others of it, in a namespace
// that it makes itself: of a bridge's port that can be kept from being heard, of a macvlan not.
void add_segment_reason(const handover::Attachment& attachment, process::Reasons& reasons) {
  if (!attachment.is_macvlan()) return;
  reasons.push_back({fmt::format("its network leads out of this host by {}", attachment.segment),
                     "this version takes along those of podman's networks that are bridges",
                     "let it join a named network (--network ns:/run/netns/NAME, docs/containers.md)"});
}

bool has_ipv4(const handover::Identity& identity) {
  return std::ranges::any_of(identity.addresses, [](const auto& one) { return one.address.family() == AF_INET; });
}

bool has_loopback(int netns) {
  bool is_up = false;
  kernel::in_network_namespace(netns, [&] {
    const auto loopback = kernel::Netlink().find_link("lo");
    is_up = loopback && loopback->up;
  });
  return is_up;
}

}  // namespace

ContainerNetwork network_of(pid_t root, const OciContainer& container) {
  const uint64_t id = kernel::namespace_id(root, "net"), pids = kernel::namespace_id(root, "pid");
  ContainerNetwork network;
  if (id == kernel::namespace_id(::getpid(), "net")) return network;
  const auto netns = kernel::open_namespace(root, "net");
  network.has_loopback = has_loopback(netns.get());
  auto attached = handover::find_attached(netns.get());
  const auto engine = oci_engine(container.engine);
  const bool by_engine = engine->gives_network(container), by_daemon = engine->has_daemon();
  if (by_daemon) network.is_given = true;
  const auto& attachment = attached.attachment;
  if (by_engine && !attachment.is_macvlan() && is_private(attachment.segment)) {
    auto ports = engine->published_ports(container);
    if (attached.identity && has_ipv4(*attached.identity) && !ports.empty())
      network.published = {std::move(*attached.identity), attachment, std::move(ports)};
    return network;
  }
  network.reasons = std::move(attached.reasons);
  if (by_engine && !by_daemon) add_segment_reason(attachment, network.reasons);
  network.identity = std::move(attached.identity);
  network.attachment = std::move(attached.attachment);
  if (by_engine) {
    if (network.identity) add_guest_reason(id, pids, network.reasons);
    return network;
  }
  const auto configuration = read_configuration(container.bundle);
  network.name = network_name(configuration);
  network.is_given = network.identity && network.name.empty();
  add_reasons(network, id, pids, configuration, network.reasons);
  return network;
}

}  // namespace ferry::runtime
