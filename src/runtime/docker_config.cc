// SPDX-License-Identifier: Apache-2.0
#include "runtime/docker_config.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>

namespace ferry::runtime::docker {

using nlohmann::json;

namespace {

// inspect gives null for lists and maps that are empty.
const json& at(const json& object, const char* key) {
  static const json kNothing;
  if (!object.is_object()) return kNothing;
  const auto found = object.find(key);
  return found == object.end() ? kNothing : *found;
}

}  // namespace

std::string text(const json& object, const char* key) {
  const json& value = at(object, key);
  return value.is_string() ? value.get<std::string>() : "";
}

namespace {

bool is_true(const json& object, const char* key) {
  const json& value = at(object, key);
  return value.is_boolean() && value.get<bool>();
}

constexpr size_t kShortId = 12;

bool is_every_daemons(const std::string& network) {
  return network == "bridge" || network == "host" || network == "none" || network == "default";
}

// A static address goes along, and the MAC with it: neighbours know the container by both. So do the names by which others on its
// network find it, but for the one that docker makes of its id.
json endpoint(const json& found, const std::string& id) {
  json wanted = json::object();
  if (const json& names = at(found, "Aliases"); names.is_array()) {
    wanted["Aliases"] = json::array();
    for (const auto& name : names) {
      if (name != id.substr(0, kShortId)) wanted["Aliases"].push_back(name);
    }
  }
  const json& fixed = at(found, "IPAMConfig");
  if (!fixed.is_object()) return wanted;
  wanted["IPAMConfig"] = fixed;
  if (const auto mac = text(found, "MacAddress"); !mac.empty()) wanted["MacAddress"] = mac;
  return wanted;
}

void add_owner_reasons(const json& inspect, process::Reasons& reasons) {
  const json& labels = at(at(inspect, "Config"), "Labels");
  if (const auto task = text(labels, "com.docker.swarm.task.name"); !task.empty()) {
    reasons.push_back({fmt::format("it is {}, a task of a swarm service", task),
                       "the swarm would start another one in its place", "move the service with `docker service update`"});
  }
  if (const auto pod = text(labels, "io.kubernetes.pod.name"); !pod.empty()) {
    reasons.push_back({fmt::format("it belongs to the pod {}", pod), "kubernetes would start another one in its place",
                       "let kubernetes move it (`kubectl drain`)"});
  }
}

void add_host_config_reasons(const json& host_config, process::Reasons& reasons) {
  if (is_true(host_config, "Privileged")) {
    reasons.push_back({"it is privileged", "CRIU cannot restore the host's devices that it sees",
                       "start it with the capabilities that it needs (--cap-add) instead"});
  }
  for (const char* mode : {"NetworkMode", "PidMode", "IpcMode"}) {
    const auto value = text(host_config, mode);
    if (value.starts_with("container:")) {
      reasons.push_back({fmt::format("it shares a namespace with another container ({}={})", mode, value),
                         "the other one would stay behind", "move what uses it over the network instead"});
    }
  }
  if (text(host_config, "IpcMode") == "shareable") {
    reasons.push_back({"its /dev/shm can be shared (--ipc shareable)", "this version does not take that along", "start it with --ipc private"});
  }
  if (text(host_config, "PidMode") == "host") {
    reasons.push_back({"it has the host's pids (--pid host)", "its pids may be taken on another host", "start it without --pid host"});
  }
  if (at(host_config, "Devices").is_array() && !at(host_config, "Devices").empty()) {
    reasons.push_back({"devices of this host were given to it (--device)", "they do not come along", "start it without them"});
  }
}

// "data:/data" among the binds, or the source of a mount.
bool is_named(const json& host_config, const std::string& volume) {
  const json &binds = at(host_config, "Binds"), &mounts = at(host_config, "Mounts");
  const auto names_it = [&](const json& bind) { return bind.get<std::string>().starts_with(volume + ":"); };
  return (binds.is_array() && std::ranges::any_of(binds, names_it)) ||
         (mounts.is_array() && std::ranges::any_of(mounts, [&](const json& mount) { return text(mount, "Source") == volume; }));
}

}  // namespace

json portable_configuration(const json& inspect) {
  json configuration = {{"Config", at(inspect, "Config")}, {"HostConfig", at(inspect, "HostConfig")}};
  json networks = json::object();
  const json& found = at(at(inspect, "NetworkSettings"), "Networks");
  if (found.is_object()) {
    for (const auto& [name, settings] : found.items()) networks[name] = endpoint(settings, text(inspect, "Id"));
  }
  configuration["Networks"] = std::move(networks);
  configuration["Volumes"] = json::object();
  if (const json& mounts = at(inspect, "Mounts"); mounts.is_array()) {
    for (const auto& mount : mounts) {
      const auto name = text(mount, "Name");
      if (text(mount, "Type") == "volume" && is_named(configuration["HostConfig"], name)) configuration["Volumes"][name] = json::object();
    }
  }
  configuration["HostConfig"].erase("ContainerIDFile");  // a file of this host's
  return configuration;
}

void pin_address(json& configuration, const handover::Identity& identity) {
  auto& networks = configuration["Networks"];
  if (networks.size() != 1) return;
  auto& endpoint = *networks.begin();
  for (const auto& prefix : identity.addresses)
    endpoint["IPAMConfig"][prefix.address.family() == AF_INET ? "IPv4Address" : "IPv6Address"] = prefix.address.text();
  endpoint["MacAddress"] = identity.mac.text();
}

process::Reasons blockers(const json& inspect) {
  process::Reasons reasons;
  add_owner_reasons(inspect, reasons);
  add_host_config_reasons(at(inspect, "HostConfig"), reasons);
  return reasons;
}

json create_request(const json& configuration, const std::string& image) {
  json request = at(configuration, "Config").is_object() ? at(configuration, "Config") : json::object();
  request["Image"] = image;
  request["HostConfig"] = at(configuration, "HostConfig");
  request["HostConfig"]["RestartPolicy"] = {{"Name", "no"}, {"MaximumRetryCount", 0}};
  json endpoints = json::object();
  for (const auto& [name, wanted] : at(configuration, "Networks").items()) {
    if (is_every_daemons(name)) continue;
    endpoints[name] = wanted;
    if (wanted.contains("MacAddress")) request["MacAddress"] = wanted["MacAddress"];  // where older daemons look for it
  }
  if (!endpoints.empty()) request["NetworkingConfig"] = {{"EndpointsConfig", endpoints}};
  return request;
}

json restart_policy(const json& configuration) {
  const json& policy = at(at(configuration, "HostConfig"), "RestartPolicy");
  return policy.is_object() ? policy : json{{"Name", "no"}, {"MaximumRetryCount", 0}};
}

std::string restarts_of(const json& configuration) {
  const auto policy = restart_policy(configuration);
  return text(policy, "Name") == "no" ? "" : policy.dump();
}

std::vector<std::string> named_volumes(const json& configuration) {
  std::vector<std::string> names;
  const json& wanted = at(configuration, "Volumes");
  if (!wanted.is_object()) return names;
  for (const auto& [name, volume] : wanted.items()) names.push_back(name);
  return names;
}

std::vector<OciListed> listing(const json& containers) {
  std::vector<OciListed> listed;
  for (const auto& one : containers) {
    std::string name = text(one, "Id");
    const json& names = at(one, "Names");  // "/web", and "/db/web" as others call it (--link)
    for (size_t i = 0; i < names.size(); ++i) {
      const auto whole = names[i].get<std::string>();
      if (whole.rfind('/') == 0) name = whole.substr(1);
    }
    listed.push_back({name, text(one, "Image")});
  }
  return listed;
}

std::vector<handover::PublishedPort> published_ports(const json& inspect) {
  std::vector<handover::PublishedPort> ports;
  const json& published = at(at(inspect, "NetworkSettings"), "Ports");
  if (!published.is_object()) return ports;
  for (const auto& [name, bindings] : published.items()) {  // "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]
    const bool is_udp = name.ends_with("/udp");
    if (!bindings.is_array() || (!is_udp && !name.ends_with("/tcp"))) continue;
    for (const auto& binding : bindings) {
      const auto host = text(binding, "HostIp");
      if (host.find(':') != std::string::npos) continue;
      ports.push_back({.protocol = static_cast<uint8_t>(is_udp ? IPPROTO_UDP : IPPROTO_TCP),
                       .host = kernel::IpAddr::parse(host.empty() ? "0.0.0.0" : host),
                       .host_port = static_cast<uint16_t>(std::stoi(text(binding, "HostPort"))),
                       .workload_port = static_cast<uint16_t>(std::stoi(name))});
    }
  }
  return ports;
}

std::vector<std::string> networks(const json& configuration) {
  std::vector<std::string> names;
  const json& wanted = at(configuration, "Networks");
  if (!wanted.is_object()) return names;
  for (const auto& [name, endpoint] : wanted.items()) {
    if (!is_every_daemons(name)) names.push_back(name);
  }
  return names;
}

}  // namespace ferry::runtime::docker
