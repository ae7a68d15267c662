// SPDX-License-Identifier: Apache-2.0
//
// What docker needs of its host for checkpoints: an experimental daemon, CRIU where that daemon's runtime looks for it.
#include <fmt/format.h>
#include <unistd.h>

#include <sstream>

#include "base/error.h"
#include "base/program.h"
#include "criu/doctor.h"
#include "runtime/docker.h"
#include "runtime/docker_config.h"

namespace ferry::runtime {

using nlohmann::json;

namespace {

constexpr const char* kPidFile = "/var/run/docker.pid";
constexpr const char* kRuncCriuConfig = "/etc/criu/runc.conf";

// containerd and runc inherit it, and look CRIU up in it.
std::string daemon_search_path() {
  const auto pid = base::try_read_file(kPidFile);
  const auto environment = pid ? base::try_read_file(fmt::format("/proc/{}/environ", std::atoi(pid->c_str()))) : std::nullopt;
  std::istringstream variables(environment.value_or(""));
  for (std::string one; std::getline(variables, one, '\0');) {
    if (one.starts_with("PATH=")) return one.substr(5);
  }
  const char* own = std::getenv("PATH");
  return own ? own : "";
}

// "Version: 4.2"
std::string version_of_criu(const base::Path& criu) {
  if (criu.empty()) return "";
  const auto said = base::run({criu.string(), "--version"});
  const auto colon = said.out.find("Version: ");
  if (said.status != 0 || colon == std::string::npos) return "";
  std::istringstream rest(said.out.substr(colon + 9));
  std::string version;
  rest >> version;
  return version;
}

// "NAME VALUE" in runc's configuration of CRIU; nothing: it does not say.
std::optional<std::string> configured(const std::string& name) {
  std::istringstream lines(base::try_read_file(kRuncCriuConfig).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string first, value;
    if (words >> first && first == name) return words >> value ? value : "";
  }
  return std::nullopt;
}

}  // namespace

bool Docker::is_installed() { return !base::find_in_path("dockerd", daemon_search_path()).empty(); }

EngineFacts Docker::facts() {
  const auto version = get("/version");
  return {version.value("Version", ""), version_of_criu(base::find_in_path("criu", daemon_search_path())), info().value("Driver", "")};
}

// docker names CRIU's log. It goes with the container that was not restored, unless runc.conf keeps it elsewhere.
void Docker::must_by_criu(const HttpAnswer& answer, const std::string& what) {
  if (answer.ok()) return;
  const auto words = docker_words(answer);
  const auto failure = docker::criu_failure_in(words);
  if (!failure) throw base::Error({what, words, "", {}, {}});
  const base::Path log = configured("log-file").value_or(failure->log);
  if (!criu::has_errors(log)) throw base::Error({what, failure->said, "", {}, {}});
  const auto diagnosis = criu::diagnose(log);
  throw base::Error({what, diagnosis.why, diagnosis.remedy, {}, log.string()});
}

process::Reasons Docker::host_reasons() {
  process::Reasons reasons;
  try {
    if (!info().value("ExperimentalBuild", false)) {
      reasons.push_back({"docker's daemon is not in experimental mode", "without it, it neither checkpoints nor restores",
                         "put {\"experimental\": true} into /etc/docker/daemon.json and restart docker"});
    }
  } catch (const base::Error& silent) {
    const auto& said = silent.explanation();
    reasons.push_back({said.what, said.why, said.remedy});
    return reasons;
  }
  const auto path = daemon_search_path();
  if (version_of_criu(base::find_in_path("criu", path)).empty()) {
    reasons.push_back({"docker finds no CRIU", fmt::format("there is none that works on its daemon's PATH ({})", path),
                       "install criu (4.0 or newer), for instance as /usr/local/sbin/criu"});
  }
  if (!configured("network-lock") && base::find_in_path("iptables-restore", path).empty()) {
    reasons.push_back({"there is no iptables-restore on docker's PATH", "CRIU holds a container's packets with it",
                       "install iptables, or put \"network-lock nftables\" into /etc/criu/runc.conf"});
  }
  return reasons;
}

process::Reason Docker::why_connections_stay(const Container& container) {
  if (!docker::has_fixed_address(container.configuration)) {
    return {"its address does not go along", "docker gives it another one on the other host",
            "attach it to a network that both hosts have (macvlan), with --ip; or close its connections first"};
  }
  if (!configured("tcp-established")) {
    return {"CRIU is not told to take them", fmt::format("docker cannot ask for it; {} can", kRuncCriuConfig),
            fmt::format("put the line tcp-established into {} on both hosts", kRuncCriuConfig)};
  }
  return {};
}

process::Reasons Docker::arrival_reasons(const std::string& name, const json& configuration) {
  process::Reasons reasons;
  if (find(name)) {
    reasons.push_back({fmt::format("a container called {} is here already", name), "docker allows a name once",
                       fmt::format("remove it (`docker rm {}`) or rename it", name)});
  }
  for (const auto& source : docker::bind_sources(configuration)) {
    std::error_code none;
    if (std::filesystem::exists(source, none)) continue;
    reasons.push_back({fmt::format("{} is not here", source), "it is bound into the container", "bring it over first (rsync -a)"});
  }
  for (const auto& network : docker::networks(configuration)) {
    if (find_json("/networks/" + network)) continue;
    reasons.push_back({fmt::format("docker has no network {} here", network), "the container is attached to it",
                       fmt::format("`docker network create {}`, with the same driver and subnet as there", network)});
  }
  const auto runtime = configuration.at("HostConfig").value("Runtime", std::string());
  if (!runtime.empty() && !info().value("Runtimes", json::object()).contains(runtime)) {
    reasons.push_back({fmt::format("docker has no runtime {} here", runtime), "the container runs by it", "configure it in daemon.json"});
  }
  return reasons;
}

}  // namespace ferry::runtime
