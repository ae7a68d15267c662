// SPDX-License-Identifier: Apache-2.0
#include "runtime/docker_api.h"

#include <fmt/format.h>

#include <cstdlib>
#include <sstream>

#include "base/error.h"
#include "base/program.h"
#include "kernel/procfs.h"

namespace ferry::runtime {

using base::Error;
using nlohmann::json;

namespace {

constexpr const char* kUsualSocket = "/var/run/docker.sock";
constexpr const char* kPidFile = "/var/run/docker.pid";
// It holds a container's lock while it starts or stops it.
constexpr base::milliseconds kDaemonAnswers{120'000};

std::string socket_of(const std::string& host) {
  constexpr std::string_view kUnix = "unix://";
  if (host.empty()) return kUsualSocket;
  return host.starts_with(kUnix) ? host.substr(kUnix.size()) : "";
}

// The daemon's own words in an answer that is no success.
std::string docker_words(const HttpAnswer& answer) {
  const auto parsed = json::parse(answer.body, nullptr, false);
  if (parsed.is_object() && parsed.contains("message")) return parsed["message"].get<std::string>();
  return answer.body.empty() ? fmt::format("status {}", answer.status) : answer.body;
}

json content_of(const HttpAnswer& answer, const std::string& failed) {
  if (!answer.ok()) throw Error({failed, docker_words(answer), "", {}, {}});
  return json::parse(answer.body, nullptr, false);
}

constexpr const char* kNoAnswer = "docker does not answer as it should";

constexpr const char* kDaemon = "dockerd";

}  // namespace

DockerApi::DockerApi() {
  const char* host = std::getenv("DOCKER_HOST");
  socket_ = socket_of(host ? host : "");
  if (socket_.empty()) remote_ = host;
}

// Who listens at its socket. It may be systemd's (docker.socket).
std::optional<pid_t> DockerApi::daemon_pid() const {
  if (const auto listener = listener_at(socket_); listener && kernel::comm_of(*listener) == kDaemon)
    return listener;
  const auto noted = socket_ == kUsualSocket ? base::try_read_file(kPidFile) : std::nullopt;
  return noted ? std::optional<pid_t>(std::atoi(noted->c_str())) : std::nullopt;
}

std::string DockerApi::daemon_search_path() const {
  const auto pid = daemon_pid();
  const auto environment =
      pid ? base::try_read_file(fmt::format("/proc/{}/environ", *pid)) : std::nullopt;
  std::istringstream variables(environment.value_or(""));
  for (std::string one; std::getline(variables, one, '\0');) {
    if (one.starts_with("PATH=")) return one.substr(5);
  }
  const char* own = std::getenv("PATH");
  return own ? own : "";
}

bool DockerApi::is_installed() const {
  std::error_code none;
  return std::filesystem::is_socket(socket_, none) ||
         !base::find_in_path(kDaemon, daemon_search_path()).empty();
}

HttpAnswer DockerApi::ask_daemon(const HttpRequest& request) const {
  if (!remote_.empty()) {
    base::refuse("cannot use docker",
                 fmt::format("DOCKER_HOST={} is another host's daemon", remote_),
                 "run ferry on the host where the container runs, without DOCKER_HOST");
  }
  try {
    return ask(socket_, request, kDaemonAnswers);
  } catch (const base::SysError& failure) {
    if (!is_installed()) {
      base::refuse("docker is not installed here",
                   "there is no dockerd on PATH, and nobody answers at " + socket_.string(),
                   "install it; a process or a workload of `ferry run` is named without "
                   "\"docker:\"");
    }
    base::refuse("docker does not run", failure.what(),
                 socket_ == kUsualSocket
                     ? "start it (`systemctl start docker`)"
                     : fmt::format("start the daemon of that socket (dockerd --host unix://{}), or "
                                   "name another one (DOCKER_HOST)",
                                   socket_.string()));
  }
}

json DockerApi::get(const std::string& target) const {
  return content_of(ask_daemon({"GET", target, ""}), kNoAnswer);
}

std::optional<json> DockerApi::find(const std::string& target) const {
  const auto answer = ask_daemon({"GET", target, ""});
  if (answer.status == 404) return std::nullopt;
  return content_of(answer, kNoAnswer);
}

json DockerApi::post(const std::string& target, const json& body, const std::string& failed) const {
  return content_of(ask_daemon({"POST", target, body.is_null() ? "" : body.dump()}), failed);
}

void DockerApi::remove(const std::string& target, const std::string& failed) const {
  const auto answer = ask_daemon({"DELETE", target, ""});
  if (answer.status != 404 && answer.status != 409) (void)content_of(answer, failed);
}

}  // namespace ferry::runtime
