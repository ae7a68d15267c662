// SPDX-License-Identifier: Apache-2.0
#include "runtime/docker_network.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>

#include "runtime/docker_config.h"

namespace ferry::runtime::docker {

using kernel::Link;
using nlohmann::json;
using process::Reasons;

namespace {

constexpr const char* kBridgeName = "com.docker.network.bridge.name";
constexpr const char* kParent = "parent";  // of a macvlan

std::string option_of(const json& network, const char* name) {
  const auto options = network.find("Options");
  return options == network.end() ? "" : text(*options, name);
}

const Link* find_in(const HostLinks& here, const std::string& name) {
  const auto found = std::ranges::find(here.links, name, &Link::name);
  return found == here.links.end() ? nullptr : &*found;
}

Reasons refuse(const json& network, std::string why) {
  const auto name = text(network, "Name");
  return {{fmt::format("docker has no network {} here", name), std::move(why),
           fmt::format("`docker network create {}` there, so that it is the same network", name)}};
}

// The bridge's own address in that subnet, which its containers have as their gateway.
std::string gateway_in(const std::string& subnet, const Link& bridge, const HostLinks& here) {
  const auto network = kernel::IpPrefix::parse(subnet);
  for (const auto& address : here.addresses) {
    if (address.link == bridge.index && network.contains(address.prefix.address))
      return address.prefix.address.text();
  }
  return "";
}

Reasons put_on_bridge(json& network, const std::string& name, const HostLinks& here) {
  const auto* bridge = find_in(here, name);
  if (!bridge || bridge->kind != "bridge")
    return refuse(network,
                  fmt::format("it is on the bridge {} there, and this host has none", name));
  for (auto& range : network["IPAM"]["Config"]) {
    const auto gateway = gateway_in(text(range, "Subnet"), *bridge, here);
    if (gateway.empty()) {
      return refuse(network, fmt::format("{} has no address in {} here, as it has there", name,
                                         text(range, "Subnet")));
    }
    range["Gateway"] = gateway;
  }
  return {};
}

}  // namespace

json portable_network(const json& inspect) {
  json network = json::object();
  for (const char* key :
       {"Name", "Driver", "Options", "Internal", "Attachable", "EnableIPv6", "Labels"}) {
    if (inspect.contains(key)) network[key] = inspect[key];
  }
  const auto plan = inspect.value("IPAM", json::object());
  const auto ranges = plan.value("Config", json());
  network["IPAM"] = {{"Driver", plan.value("Driver", "default")},
                     {"Config", ranges.is_array() ? ranges : json::array()}};
  return network;
}

Reasons reasons_not_to_make(json& network, const HostLinks& here) {
  const auto driver = text(network, "Driver");
  if (driver == "macvlan") {
    const auto parent = option_of(network, kParent);
    if (find_in(here, parent)) return {};
    return refuse(network,
                  fmt::format("it is on the link {} there, and this host has none", parent));
  }
  if (driver != "bridge")
    return refuse(network, fmt::format("ferry makes none of the driver {}", driver));
  const auto bridge = option_of(network, kBridgeName);
  return bridge.empty() ? Reasons{} : put_on_bridge(network, bridge, here);
}

}  // namespace ferry::runtime::docker
