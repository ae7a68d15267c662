// SPDX-License-Identifier: Apache-2.0
#include "runtime/docker_api.h"

#include <fmt/format.h>

#include <cstdlib>
#include <sstream>

#include "base/error.h"
#include "base/program.h"

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

bool has_dockerd() {
  return !base::find_in_path("dockerd", DockerApi::daemon_search_path()).empty();
}

}  // namespace

DockerApi::DockerApi() {
  const char* host = std::getenv("DOCKER_HOST");
  socket_ = socket_of(host ? host : "");
  if (socket_.empty()) remote_ = host;
}

std::string DockerApi::daemon_search_path() {
  const auto pid = base::try_read_file(kPidFile);
  const auto environment =
      pid ? base::try_read_file(fmt::format("/proc/{}/environ", std::atoi(pid->c_str())))
          : std::nullopt;
  std::istringstream variables(environment.value_or(""));
  for (std::string one; std::getline(variables, one, '\0');) {
    if (one.starts_with("PATH=")) return one.substr(5);
  }
  const char* own = std::getenv("PATH");
  return own ? own : "";
}

bool DockerApi::is_installed() const {
  std::error_code none;
  return has_dockerd() || std::filesystem::is_socket(socket_, none);
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
    if (!has_dockerd()) {
      base::refuse("docker is not installed here",
                   "there is no dockerd on PATH, and nobody answers at " + socket_.string(),
                   "install it; a process or a workload of `ferry run` is named without "
                   "\"docker:\"");
    }
    base::refuse("docker does not run", failure.what(), "start it (`systemctl start docker`)");
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
