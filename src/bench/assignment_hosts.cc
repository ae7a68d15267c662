// SPDX-License-Identifier: Apache-2.0
#include "bench/assignment_hosts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <sstream>

#include "bench/docker_scripts.h"
#include "bench/docker_way.h"
#include "bench/engine_hosts.h"
#include "bench/podman_way.h"

namespace ferry::bench {

namespace {

constexpr base::milliseconds kSetUp{180'000};  // a daemon's start on a busy machine

// In a host: what it is made of, a name and a value a line. Versions without Debian's own suffix.
constexpr const char* kFacts = R"sh(
  . /etc/os-release; echo "system|${NAME%% *} ${VERSION_ID:-$VERSION_CODENAME}"
  echo "kernel|$(uname -r)"
  has() { command -v "$1" >/dev/null; }
  ! has docker || echo "docker|$(docker version --format '{{.Server.Version}}' | cut -d+ -f1)"
  ! has containerd || echo "containerd|$(containerd --version | cut -d' ' -f3 | cut -d'~' -f1)"
  ! has podman || echo "podman|$(podman --version | cut -d' ' -f3)"
  echo "runc|$(runc --version | sed -n 's/^runc version //p' | cut -d+ -f1)"
  echo "CRIU|$(criu --version | sed -n 's/^Version: //p')"
  echo "Python|$(python3 -c 'import platform; print(platform.python_version())')"
)sh";

// FI_NO_BREAKPOINTS of CRIU's own tests. Not every virtual machine has hardware breakpoints (AMD
// SEV has none); CRIU notices since 4.2, and an older one would wait for one for ever.
constexpr const char* kWithoutBreakpoints = "CRIU_FAULT=130";

// Hosts are called by these, and told apart by them.
const std::vector<std::string> kTelling = {"system", "docker", "podman", "CRIU"};

std::string value_of(const report::Host& host, const std::string& name) {
  const auto found =
      std::ranges::find(host.facts, name, &std::pair<std::string, std::string>::first);
  return found == host.facts.end() ? "" : found->second;
}

// A system's value has its name in it.
std::string words_of(const report::Host& host, const std::vector<std::string>& names) {
  std::vector<std::string> words;
  for (const auto& name : names) {
    const auto value = value_of(host, name);
    if (value.empty()) continue;
    words.push_back(name == "system" ? value : name + " " + value);
  }
  return fmt::format("{}", fmt::join(words, ", "));
}

lab::LabSpec spec_of(const HostPair& pair, const std::vector<base::Path>& layers) {
  lab::LabSpec spec;
  spec.layers = layers;
  const Roles roles;
  spec.own_layers[roles.source] = {pair.source.layer};
  spec.own_layers[roles.target] = {pair.target.layer};
  return spec;
}

bool exists(const HostKind& kind, bool has_docker) {
  const char* engine = has_docker ? "usr/sbin/dockerd" : "usr/bin/podman";
  return std::filesystem::exists(kind.layer / engine) &&
         (!has_docker || std::filesystem::exists(kind.criu));
}

}  // namespace

std::vector<HostPair> host_pairs(const base::Path& beside, std::vector<std::string>& notes) {
  const HostKind here{docker_layer(beside), beside / "criu/criu", ""};
  const HostKind other_docker{docker_trixie_layer(beside), here.criu, ""};
  const HostKind newest_docker{docker_forky_layer(beside), here.criu, ""};
  const HostKind other_criu{here.layer, beside / "criu-trixie/criu", kWithoutBreakpoints};
  const HostKind podman{podman_layer(beside), {}, ""};
  const HostKind other_podman{beside / "podman-trixie", {}, ""};
  const HostKind newest_podman{beside / "podman-forky", {}, ""};
  std::vector<HostPair> pairs;
  for (const auto& pair :
       {HostPair{"alike", here, here}, HostPair{"docker", here, other_docker},
        HostPair{"docker28", here, newest_docker}, HostPair{"criu", here, other_criu},
        HostPair{"podman", podman, other_podman, false},
        HostPair{"podman5.8", podman, newest_podman, false}}) {
    if (exists(pair.source, pair.has_docker) && exists(pair.target, pair.has_docker)) {
      pairs.push_back(pair);
    } else {
      notes.push_back(
          fmt::format("the pair \"{}\" was left out: what it is made of is not beside ferry (make "
                      "assignment-hosts)",
                      pair.label));
    }
  }
  return pairs;
}

AssignmentHosts::AssignmentHosts(const HostPair& pair, const std::vector<base::Path>& layers,
                                 int wake_fd)
    : hosts_(spec_of(pair, layers), wake_fd) {
  const auto& [source, target, client] = hosts_.roles();
  if (pair.has_docker) {
    start_docker(source, pair.source);
    start_docker(target, pair.target);
    spread_docker_image(hosts_);
  } else {
    for (const auto& host : {source, target}) put_criu(hosts_, host);
    make_podman_image(hosts_);
  }
  source_ = look_at(source);
  target_ = look_at(target);
}

void AssignmentHosts::start_docker(const std::string& host, const HostKind& kind) const {
  hosts_.shell(host,
               start_docker_script({.criu = kind.criu, .criu_environment = kind.criu_environment}),
               kSetUp);
  make_docker_network(hosts_, host);
}

report::Host AssignmentHosts::look_at(const std::string& host) const {
  report::Host facts;
  std::istringstream lines(hosts_.shell(host, kFacts));
  for (std::string line; std::getline(lines, line);) {
    const auto bar = line.find('|');
    if (bar != std::string::npos)
      facts.facts.emplace_back(line.substr(0, bar), line.substr(bar + 1));
  }
  facts.name = words_of(facts, kTelling);
  return facts;
}

std::string difference_words(const report::Host& from, const report::Host& to) {
  std::vector<std::string> differing;
  std::ranges::copy_if(kTelling, std::back_inserter(differing), [&](const std::string& name) {
    return value_of(from, name) != value_of(to, name);
  });
  if (differing.empty()) return kAlike;
  return fmt::format("{} → {}", words_of(from, differing), words_of(to, differing));
}

}  // namespace ferry::bench
