// SPDX-License-Identifier: Apache-2.0
#include "runtime/docker.h"

#include <fmt/format.h>

#include <cstdlib>
#include <thread>

#include "base/error.h"
#include "base/log.h"
#include "runtime/docker_config.h"

namespace ferry::runtime {

using base::Error;
using base::milliseconds;
using nlohmann::json;

namespace {

constexpr const char* kUsualSocket = "/var/run/docker.sock";
// Its checkpoint and restore copy every page through containerd's content store, at some 10 MB/s when the host is busy.
constexpr milliseconds kDaemonAnswers{30 * 60'000};
// containerd writes a checkpoint under its hash; one that is being removed at that moment is in the way, and soon gone.
constexpr int kRaceTries = 5;
constexpr milliseconds kRaceWait{200};

std::string socket_of(const std::string& host) {
  constexpr std::string_view kUnix = "unix://";
  if (host.empty()) return kUsualSocket;
  return host.starts_with(kUnix) ? host.substr(kUnix.size()) : "";
}

std::string text(const json& object, const char* key) { return object.value(key, std::string()); }

// Of the only network it is attached to.
void take_address(const json& networks, Container& container) {
  if (!networks.is_object() || networks.size() != 1) return;
  const json& only = *networks.begin();
  if (text(only, "IPAddress").empty() || text(only, "MacAddress").empty()) return;
  container.address = fmt::format("{}/{}", text(only, "IPAddress"), only.value("IPPrefixLen", 32));
  container.mac = text(only, "MacAddress");
}

bool is_race(const HttpAnswer& answer) {
  return !answer.ok() && answer.body.find("content sha256") != std::string::npos &&
         answer.body.find("already exists") != std::string::npos;
}

HttpAnswer again_on_a_race(const std::function<HttpAnswer()>& ask) {
  for (int tries_left = kRaceTries - 1;; --tries_left) {
    auto answer = ask();
    if (!is_race(answer) || tries_left == 0) return answer;
    base::log("docker: {}: tried again", docker_words(answer));
    std::this_thread::sleep_for(kRaceWait);
  }
}

}  // namespace

std::string docker_words(const HttpAnswer& answer) {
  const auto parsed = json::parse(answer.body, nullptr, false);
  if (parsed.is_object() && parsed.contains("message")) return parsed["message"].get<std::string>();
  return answer.body.empty() ? fmt::format("status {}", answer.status) : answer.body;
}

Docker::Docker() {
  const char* host = std::getenv("DOCKER_HOST");
  socket_ = socket_of(host ? host : "");
  if (socket_.empty()) remote_ = host;
}

HttpAnswer Docker::ask_daemon(const HttpRequest& request) const {
  if (!remote_.empty()) {
    base::refuse("cannot use docker", fmt::format("DOCKER_HOST={} is another host's daemon", remote_),
                 "run ferry on the host where the container runs, without DOCKER_HOST");
  }
  try {
    return ask(socket_, request, kDaemonAnswers);
  } catch (const base::SysError& failure) {
    if (!is_installed()) {
      base::refuse("docker is not installed here", "there is no dockerd on PATH, and nobody answers at " + socket_.string(),
                   "install it; a process or a workload of `ferry run` is named without \"docker:\"");
    }
    base::refuse("docker does not run", failure.what(), "start it (`systemctl start docker`)");
  }
}

json Docker::get(const std::string& target) const {
  const auto answer = ask_daemon({"GET", target, ""});
  must(answer, "docker does not answer as it should");
  return json::parse(answer.body);
}

std::optional<json> Docker::find_json(const std::string& target) const {
  const auto answer = ask_daemon({"GET", target, ""});
  if (answer.status == 404) return std::nullopt;
  must(answer, "docker does not answer as it should");
  return json::parse(answer.body);
}

HttpAnswer Docker::post(const std::string& target, const json& body) const {
  return ask_daemon({"POST", target, body.is_null() ? "" : body.dump()});
}

void Docker::must(const HttpAnswer& answer, const std::string& what) const {
  if (!answer.ok()) throw Error({what, docker_words(answer), "", {}, {}});
}

const json& Docker::info() {
  if (!info_) info_ = get("/info");
  return *info_;
}

std::optional<Container> Docker::find(const std::string& name_or_id) {
  const auto found = find_json(fmt::format("/containers/{}/json", name_or_id));
  if (!found) return std::nullopt;
  Container container;
  container.id = text(*found, "Id");
  container.name = text(*found, "Name").substr(1);  // "/web"
  container.image_id = text(*found, "Image");
  container.image_name = text(found->at("Config"), "Image");
  container.running = found->at("State").value("Running", false);
  container.never_started = text(found->at("State"), "Status") == "created";
  container.root_pid = found->at("State").value("Pid", 0);
  container.command = text(*found, "Path");
  for (const auto& argument : found->value("Args", json::array())) container.command += " " + argument.get<std::string>();
  take_address(found->at("NetworkSettings").value("Networks", json()), container);
  container.log = text(*found, "LogPath");
  container.configuration = docker::portable_configuration(*found);
  return container;
}

process::Reasons Docker::own_reasons(const Container& container) {
  return docker::blockers(get(fmt::format("/containers/{}/json", container.id)));
}

base::Argv Docker::save_image_command(const Container& container, bool by_name) {
  return {"docker", "--host", "unix://" + socket_.string(), "save", by_name ? container.image_name : container.image_id};
}

base::Argv Docker::load_image_command() { return {"docker", "--host", "unix://" + socket_.string(), "load", "--quiet"}; }

void Docker::checkpoint(const std::string& id, const std::string& name) {
  const json body = {{"CheckpointID", name}, {"Exit", true}};
  const auto target = fmt::format("/containers/{}/checkpoints", id);
  must_by_criu(again_on_a_race([&] { return post(target, body); }), "docker cannot checkpoint the container");
}

void Docker::drop_checkpoint(const std::string& id, const std::string& name) {
  std::error_code none;
  if (!std::filesystem::exists(checkpoint_directory(id, name), none)) return;
  const auto answer = ask_daemon({"DELETE", fmt::format("/containers/{}/checkpoints/{}", id, name), ""});
  if (answer.status != 404) must(answer, "docker cannot remove the checkpoint");
}

json Docker::restart_policy(const json& configuration) { return docker::restart_policy(configuration); }

void Docker::set_restart_policy(const std::string& id, const json& policy) {
  const json wanted = policy.is_null() ? docker::restart_policy({}) : policy;
  must(post(fmt::format("/containers/{}/update", id), {{"RestartPolicy", wanted}}), "docker cannot set the restart policy");
}

std::string Docker::image_of_name(const std::string& image_name) {
  const auto found = find_json(fmt::format("/images/{}/json", image_name));
  return found ? text(*found, "Id") : "";
}

bool Docker::has_image(const std::string& image_id) { return find_json(fmt::format("/images/{}/json", image_id)).has_value(); }

std::string Docker::create(const std::string& name, const std::string& image, const json& configuration) {
  const auto answer = post("/containers/create?name=" + percent_encode(name), docker::create_request(configuration, image));
  must(answer, fmt::format("docker cannot create {}", name));
  return text(json::parse(answer.body), "Id");
}

base::Path Docker::container_directory(const std::string& id) { return base::Path(text(info(), "DockerRootDir")) / "containers" / id; }

base::Path Docker::checkpoint_directory(const std::string& id, const std::string& name) {
  return container_directory(id) / "checkpoints" / name;
}

base::Path Docker::log_path(const std::string& id) {
  const auto found = find_json(fmt::format("/containers/{}/json", id));
  const bool has_file = found && found->at("HostConfig").at("LogConfig").value("Type", "") == "json-file";
  return has_file ? container_directory(id) / (id + "-json.log") : base::Path();
}

base::Path Docker::writable_layer(const std::string& id) {
  const auto found = find_json(fmt::format("/containers/{}/json", id));
  if (!found) return {};
  const auto& driver = found->at("GraphDriver");
  return driver.value("Data", json()).is_object() ? text(driver.at("Data"), "UpperDir") : "";
}

void Docker::restore(const std::string& id, const std::string& checkpoint) {
  const auto target = fmt::format("/containers/{}/start?checkpoint={}", id, checkpoint);
  const auto answer = again_on_a_race([&] { return post(target, {}); });
  // 304: it runs already, and nothing was done.
  must_by_criu(answer, "docker cannot start the container from its checkpoint");
}

void Docker::remove(const std::string& id) {
  const auto answer = ask_daemon({"DELETE", fmt::format("/containers/{}?force=1", id), ""});
  if (answer.status != 404) must(answer, "docker cannot remove the container");
}

bool Docker::reads_log(const std::string& id) {
  return ask_daemon({"GET", fmt::format("/containers/{}/logs?stdout=1&stderr=1&tail=1", id), ""}).ok();
}

}  // namespace ferry::runtime
