// SPDX-License-Identifier: Apache-2.0
#include "process/supervisor.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <vector>

#include "kernel/procfs.h"

namespace ferry::process {
namespace {

using Kind = Supervisor::Kind;

std::vector<std::string> parts_of(const std::string& path) {
  std::vector<std::string> parts;
  std::istringstream stream(path);
  for (std::string part; std::getline(stream, part, '/');) {
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

bool is_container_id(std::string_view text) {
  constexpr size_t kIdLength = 64;
  return text.size() == kIdLength && std::ranges::all_of(text, [](unsigned char c) { return std::isxdigit(c); });
}

// "docker-ID.scope" → ID, with the systemd cgroup driver.
std::optional<std::string> scope_id(std::string_view part, std::string_view prefix) {
  constexpr std::string_view kScope = ".scope";
  if (!part.starts_with(prefix) || !part.ends_with(kScope)) return std::nullopt;
  part.remove_prefix(prefix.size());
  part.remove_suffix(kScope.size());
  return is_container_id(part) ? std::optional(std::string(part)) : std::nullopt;
}

std::optional<Supervisor> engine_of(const std::vector<std::string>& parts) {
  static constexpr struct { std::string_view prefix; Kind kind; } kScopes[] = {
      {"docker-", Kind::kDocker}, {"libpod-", Kind::kPodman}, {"cri-containerd-", Kind::kContainerd}, {"crio-", Kind::kCrio}};
  const bool in_pod = std::ranges::any_of(parts, [](const std::string& part) { return part.starts_with("kubepods"); });
  for (size_t i = 0; i < parts.size(); ++i) {
    for (const auto& scope : kScopes) {
      if (auto id = scope_id(parts[i], scope.prefix)) return Supervisor{in_pod ? Kind::kKubernetes : scope.kind, std::move(*id)};
    }
    if (parts[i].starts_with("machine-") && parts[i].ends_with(".scope")) return Supervisor{Kind::kMachine, parts[i]};
    if (parts[i].starts_with("lxc.payload.")) return Supervisor{Kind::kLxc, parts[i].substr(12)};
    if (i == 0 || !is_container_id(parts[i])) continue;
    const std::string& above = parts[i - 1];  // the cgroupfs driver: …/docker/ID
    if (in_pod) return Supervisor{Kind::kKubernetes, parts[i]};
    if (above == "docker") return Supervisor{Kind::kDocker, parts[i]};
    if (above == "libpod_parent") return Supervisor{Kind::kPodman, parts[i]};
    if (above == "default" || above == "moby") return Supervisor{Kind::kContainerd, parts[i]};
  }
  return std::nullopt;
}

// Services that people's sessions and jobs run in (where no PAM module moves those into scopes): nothing starts them again.
bool is_for_sessions(std::string_view unit) {
  static constexpr std::string_view kPrefixes[] = {"user@", "ssh.", "sshd.", "ssh@", "sshd@", "cron.", "crond.", "atd.", "getty@", "serial-getty@",
                                                   "console-getty.", "container-getty@"};
  return std::ranges::any_of(kPrefixes, [&](std::string_view prefix) { return unit.starts_with(prefix); });
}

// The innermost unit: of a user's services that is the user's own, not user@1000.service around them.
std::optional<Supervisor> unit_of(const std::vector<std::string>& parts) {
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (part->ends_with(".scope")) return std::nullopt;  // a session: nothing starts it again
    if (!part->ends_with(".service")) continue;
    if (is_for_sessions(*part)) return std::nullopt;
    return Supervisor{Kind::kSystemd, *part};
  }
  return std::nullopt;
}

std::optional<Supervisor> supervising_parent(pid_t pid) {
  const auto parent = kernel::parent_of(pid);
  if (!parent || *parent <= 0) return std::nullopt;
  const auto name = kernel::comm_of(*parent), command = kernel::command_of(*parent);
  if (name == "supervisord" || command.find("/supervisord") != std::string::npos) {
    return Supervisor{Kind::kSupervisord, kernel::comm_of(pid)};
  }
  if (name == "runsv" || name == "s6-supervise") {
    const auto space = command.find(' ');
    return Supervisor{Kind::kRunit, space == std::string::npos ? kernel::comm_of(pid) : command.substr(space + 1)};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Supervisor> supervisor_in_cgroups(std::string_view text) {
  std::optional<Supervisor> unit;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    const auto path = line.find(":/");  // "4:memory:/docker/…", "0::/system.slice/…"
    if (path == std::string::npos) continue;
    const auto parts = parts_of(line.substr(path + 1));
    if (auto engine = engine_of(parts)) return engine;  // inside a unit too: rootless podman
    if (!unit) unit = unit_of(parts);
  }
  return unit;
}

std::optional<Supervisor> find_supervisor(pid_t pid) {
  // A supervisord is a unit of systemd itself: the nearer of the two is the one to ask.
  if (auto parent = supervising_parent(pid)) return parent;
  const auto found = supervisor_in_cgroups(base::try_read_file(fmt::format("/proc/{}/cgroup", pid)).value_or(""));
  // What ferry itself runs in is this host as it sees it (a container with sshd, a runner's service), not what looks after that process.
  const auto around_us = supervisor_in_cgroups(base::try_read_file("/proc/self/cgroup").value_or(""));
  return found == around_us ? std::nullopt : found;
}

Reason explain(const Supervisor& supervisor, const std::string& label) {
  constexpr size_t kShortId = 12;  // as engines print it
  const std::string id = supervisor.name.substr(0, kShortId);
  const auto restarted = [&](const std::string& by) { return fmt::format("{} would start it again here once it has moved away", by); };
  const auto container = [&](const char* engine, std::string remedy) {
    return Reason{fmt::format("{} belongs to the {} container {}", label, engine, id), fmt::format("{} keeps its files, network and state", engine),
                  std::move(remedy)};
  };
  constexpr const char* kOthers = "ferry does not move its containers: move what docker, podman or `ferry run` starts";
  const auto by_name = [](const char* engine) { return fmt::format("move the container: `ferry move {0}:NAME` (`{0} ps` shows its name)", engine); };
  switch (supervisor.kind) {
    case Kind::kSystemd:
      return {fmt::format("{} belongs to the systemd unit {}", label, supervisor.name), restarted("systemd"),
              fmt::format("systemctl stop {} and start it with `ferry run --name NAME -- CMD`", supervisor.name)};
    case Kind::kSupervisord:
      return {fmt::format("{} belongs to supervisord", label), restarted("supervisord"),
              fmt::format("`supervisorctl status` names it: stop it there, and start it with `ferry run --name {} -- CMD`", supervisor.name)};
    case Kind::kRunit:
      return {fmt::format("{} belongs to the supervised service {}", label, supervisor.name), restarted("its supervisor"),
              fmt::format("sv down {0} (s6: s6-svc -d {0}) and start it with `ferry run --name NAME -- CMD`", supervisor.name)};
    case Kind::kDocker: return container("docker", by_name("docker"));
    case Kind::kPodman: return container("podman", by_name("podman"));
    case Kind::kContainerd: return container("containerd", kOthers);
    case Kind::kCrio: return container("crio", kOthers);
    case Kind::kKubernetes:
      return {fmt::format("{} belongs to the Kubernetes container {}", label, id), restarted("the kubelet"),
              "let Kubernetes place it: kubectl cordon and kubectl drain"};
    case Kind::kLxc:
      return {fmt::format("{} belongs to the LXC container {}", label, supervisor.name), "LXC keeps its files, network and state",
              fmt::format("lxc move {} REMOTE: (ferry does not move LXC containers)", supervisor.name)};
    case Kind::kMachine:
      return {fmt::format("{} belongs to the machine {}", label, supervisor.name), "its manager keeps its state",
              "use that manager's own migration (virsh migrate, machinectl)"};
  }
  return {};
}

}  // namespace ferry::process
