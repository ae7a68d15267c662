// SPDX-License-Identifier: Apache-2.0
#include "runtime/podman_network.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/program.h"
#include "kernel/netlink.h"
#include "runtime/podman.h"
#include "runtime/port_reasons.h"

namespace ferry::runtime {

using nlohmann::json;
using process::Reasons;

namespace podman {

namespace {

constexpr const char* kNamespaceInstead =
    "run it with a network of podman's (--network bridge), with --network ns:/run/netns/NAME "
    "(docs/containers.md), host or none";

std::string network_mode(const json& inspected) {
  return inspected.value("HostConfig", json::object()).value("NetworkMode", "");
}

std::vector<std::string> names_of_networks(const json& inspected) {
  std::vector<std::string> names;
  const auto settings = inspected.value("NetworkSettings", json::object());
  const auto networks = settings.value("Networks", json());
  if (!networks.is_object()) return names;
  for (const auto& [name, endpoint] : networks.items()) names.push_back(name);
  return names;
}

// As the network that `podman network create --ip-range` takes (4.3); empty: it is none.
std::string as_network(const json& lease_range) {
  const auto first = kernel::IpAddr::parse(lease_range.value("start_ip", ""));
  auto last = kernel::IpAddr::parse(lease_range.value("end_ip", ""));
  if (first.size != last.size) return "";
  int common = 0;
  while (common < last.size * 8) {
    const int differs = first.bytes[common / 8] ^ last.bytes[common / 8];
    if ((differs >> (7 - common % 8)) & 1) break;
    ++common;
  }
  // podman leases from the one after the network's own address to the last one.
  auto lowest = last;
  for (int bit = common; bit < last.size * 8; ++bit) {
    const auto mask = static_cast<uint8_t>(1 << (7 - bit % 8));
    if (!(last.bytes[bit / 8] & mask)) return "";
    lowest.bytes[bit / 8] &= static_cast<uint8_t>(~mask);
  }
  auto second = lowest;
  second.bytes[second.size - 1] |= 1;
  return first == second ? kernel::IpPrefix{lowest, common}.text() : "";
}

void add_pairs(const char* option, const json& pairs, base::Argv& argv) {
  for (const auto& [key, value] : pairs.items())
    argv.insert(argv.end(), {option, fmt::format("{}={}", key, value.get<std::string>())});
}

}  // namespace

bool is_on_networks(const json& inspected) { return network_mode(inspected) == "bridge"; }

Reasons network_reasons(const json& inspected) {
  const auto mode = network_mode(inspected);
  if (mode == "none" || mode == "host" || mode.starts_with("ns:")) return {};
  if (!is_on_networks(inspected)) {
    return {{fmt::format("its network is podman's \"{}\"", mode),
             "what is at its other end would stay here", kNamespaceInstead}};
  }
  const auto networks = names_of_networks(inspected);
  if (networks.size() <= 1) return {};
  return {{fmt::format("it is on {} networks ({})", networks.size(), fmt::join(networks, ", ")),
           "this version takes along containers that are on one",
           fmt::format("`podman network disconnect {} {}`, if it can do without", networks.back(),
                       inspected.value("Name", ""))}};
}

json portable_network(const json& inspected) {
  json network = json::object();
  for (const auto& [key, value] : inspected.items()) {
    if (key != "id" && key != "created" && key != "network_interface" && key != "containers")
      network[key] = value;
  }
  return network;
}

Reasons reasons_not_to_make(const json& network) {
  const auto name = network.value("name", "");
  const auto refuse = [&](std::string why) -> Reasons {
    return {
        {fmt::format("podman has no network {} here", name), std::move(why),
         fmt::format("`podman network create {}` there, so that it is the same network", name)}};
  };
  if (const auto driver = network.value("driver", ""); driver != "bridge")
    return refuse(fmt::format("ferry makes none of the driver {}", driver));
  for (const char* kind : {"routes", "network_dns_servers"}) {
    if (network.contains(kind) && !network[kind].empty())
      return refuse(fmt::format("ferry makes none with settings of the kind {}", kind));
  }
  size_t before = 0;
  const auto subnets = network.value("subnets", json::array());
  for (const auto& subnet : subnets) {
    const bool is_limited = subnet.contains("lease_range");
    if (is_limited && (before++, as_network(subnet["lease_range"]).empty()))
      return refuse("the addresses that it leases are no network of their own");
  }
  // Its options of that kind are for the first, the second … subnet.
  if (before > 0 && before < subnets.size())
    return refuse("only some of its subnets have a range of their own to lease from");
  return {};
}

base::Argv create_command(const json& network) {
  base::Argv argv{"podman", "network", "create", "--driver", network.value("driver", "bridge")};
  if (network.value("internal", false)) argv.emplace_back("--internal");
  if (network.value("ipv6_enabled", false)) argv.emplace_back("--ipv6");
  if (!network.value("dns_enabled", false)) argv.emplace_back("--disable-dns");
  for (const auto& subnet : network.value("subnets", json::array())) {
    argv.insert(argv.end(), {"--subnet", subnet.value("subnet", "")});
    if (const auto gateway = subnet.value("gateway", ""); !gateway.empty())
      argv.insert(argv.end(), {"--gateway", gateway});
    if (subnet.contains("lease_range"))
      argv.insert(argv.end(), {"--ip-range", as_network(subnet["lease_range"])});
  }
  const auto ipam = network.value("ipam_options", json::object()).value("driver", "");
  if (!ipam.empty() && ipam != "host-local") argv.insert(argv.end(), {"--ipam-driver", ipam});
  add_pairs("--label", network.value("labels", json::object()), argv);
  add_pairs("--opt", network.value("options", json::object()), argv);
  argv.insert(argv.end(), {"--", network.value("name", "")});
  return argv;
}

}  // namespace podman

bool Podman::has_network(const std::string& name) const {
  return base::run({"podman", "network", "exists", "--", name}).status == 0;
}

json Podman::describe_networks(const json& inspected) const {
  json described = json::object();
  for (const auto& name : podman::names_of_networks(inspected)) {
    const auto told = base::run({"podman", "network", "inspect", "--", name});
    const auto found = parse_list(engine_, told.status == 0 ? told.out : "[]");
    if (found.empty()) {
      throw base::Error({fmt::format("podman does not tell of its network {}", name),
                         base::one_line(told.err),
                         "",
                         {},
                         {}});
    }
    described[name] = podman::portable_network(found[0]);
  }
  return described;
}

Reasons Podman::reasons_against_networks(const std::string& definition) const {
  Reasons reasons;
  const auto there = json::parse(definition, nullptr, false);
  const bool is_shared = there.is_object() && there.value(kIsShared, false);
  for (const auto& name : networks_to_make(definition)) {
    if (is_shared) {
      reasons.push_back({fmt::format("podman has no network {} here", name),
                         "it is on a bridge with a way out of the host, and ferry makes none of those",
                         fmt::format("`podman network create {}` there: the same subnet, as gateway the "
                                     "bridge's own address here, and the uplink in that bridge",
                                     name)});
      continue;
    }
    for (auto& reason : podman::reasons_not_to_make(there.at(kNetworksThere).at(name)))
      reasons.push_back(std::move(reason));
  }
  if (!there.is_object()) return reasons;
  const auto ports = there.value(kPublishedPorts, std::vector<std::string>{});
  for (auto& reason : reasons_against_ports(handover::parse_ports(ports)))
    reasons.push_back(std::move(reason));
  return reasons;
}

void Podman::make_networks(const OciContainer& container, const std::string& definition) const {
  const auto there = json::parse(definition);
  for (const auto& name : container.networks) {
    const auto told = base::run(podman::create_command(there.at(kNetworksThere).at(name)));
    if (told.status == 0) continue;
    throw base::Error({fmt::format("podman cannot make the network {}", name),
                       base::one_line(told.err),
                       fmt::format("`podman network create {}` there, as it can be", name),
                       {},
                       {}});
  }
}

// Unless somebody has come into it meanwhile.
void Podman::remove_network(const std::string& name) const {
  if (!has_network(name)) return;
  const auto users = base::run({"podman", "ps", "--all", "--quiet", "--filter", "network=" + name});
  if (users.status != 0 || !users.out.empty()) return;
  const auto told = base::run({"podman", "network", "rm", "--", name});
  if (told.status == 0 || !has_network(name)) return;
  throw base::Error({fmt::format("podman cannot remove the network {}", name),
                     base::one_line(told.err),
                     fmt::format("`podman network rm {}`", name),
                     {},
                     {}});
}

}  // namespace ferry::runtime
