// SPDX-License-Identifier: Apache-2.0
#include "bench/engine_hosts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "bench/docker_scripts.h"
#include "bench/docker_way.h"
#include "bench/podman_bridge_way.h"
#include "bench/podman_way.h"
#include "bench/scenario.h"

namespace ferry::bench {

namespace {

constexpr base::milliseconds kEngineStarts{180'000};  // an image of 40 MB on a busy machine

const std::vector<std::string> kNone{kProcess};

bool has(const std::vector<std::string>& engines, const char* engine) {
  return std::ranges::find(engines, engine) != engines.end();
}
bool has_podman(const std::vector<std::string>& engines) {
  return has(engines, kPodman) || has(engines, kPodmanBridge);
}

}  // namespace

const std::vector<std::string>& engines() {
  static const std::vector<std::string> all{kProcess, "runc",        "crun",
                                            kPodman,  kPodmanBridge, "docker"};
  return all;
}

void add_engines(lab::LabSpec& spec, const std::vector<std::string>& engines) {
  if (engines == kNone) return;
  const Roles roles;  // of virtual hosts
  const auto add = [&](const base::Path& layer, const char* remedy) {
    if (!std::filesystem::exists(layer / "usr")) {
      base::refuse("cannot run the experiment",
                   fmt::format("there is no container engine in {}", layer.string()), remedy);
    }
    for (const auto& host : {roles.source, roles.target}) spec.own_layers[host].push_back(layer);
  };
  constexpr const char* kMake = "`make` unpacks it beside ferry";
  // First, so that it is on top: a whole userland, in which the others' programs run as well.
  if (has(engines, "crun")) add(crun_layer(own_directory()), "`make crun` unpacks it beside ferry");
  if (has_podman(engines)) add(podman_layer(own_directory()), kMake);
  // runc, too, and iptables, by which CRIU locks a network
  add(docker_layer(own_directory()), kMake);
}

void start_engines(const Hosts& hosts, const std::vector<std::string>& engines) {
  if (engines == kNone) return;
  for (const auto& host : {hosts.roles().source, hosts.roles().target}) {
    if (has(engines, "crun")) hosts.shell(host, kOneVersionOfCgroups);
    if (has(engines, "docker")) {
      hosts.shell(host, start_docker_script({}), kEngineStarts);
      make_docker_network(hosts, host);
    }
    put_criu(hosts, host);
  }
  if (has_podman(engines)) make_podman_image(hosts);
  if (has(engines, kPodmanBridge)) make_podman_bridges(hosts);
  if (has(engines, "docker")) spread_docker_image(hosts);
}

void put_criu(const Hosts& hosts, const std::string& host) {
  constexpr const char* kPlace = "/usr/sbin/criu";
  hosts.put_file(host, kPlace,
                 fmt::format("#!/bin/sh\nexec {} \"$@\"\n", fmt::join(hosts.criu(), " ")));
  hosts.check(host, {"chmod", "755", kPlace});
}

void spread_docker_image(const Hosts& hosts) {
  const auto& [source, target, client] = hosts.roles();
  hosts.check(source, {"bash", "-c", kMakePythonImage, "bash", DockerWay::kImage}, kEngineStarts);
  hosts.shell(
      source,
      fmt::format("docker save {} | ssh {} docker load -q", DockerWay::kImage, hosts.login(target)),
      kEngineStarts);
}

}  // namespace ferry::bench
