// SPDX-License-Identifier: Apache-2.0
//
// docker at the target: what it must have, and how it makes a container and starts it.
#include <fmt/format.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/program.h"
#include "criu/shim.h"
#include "runtime/docker.h"
#include "runtime/docker_config.h"
#include "runtime/docker_network.h"

namespace ferry::runtime {

namespace fs = std::filesystem;
using docker::text;
using nlohmann::json;
using process::Reasons;

namespace {

constexpr const char* kCheckpoint = "ferry";  // a directory of the container's

}  // namespace

bool Docker::has_image(const std::string& id) const {
  return api_.find(fmt::format("/images/{}/json", percent_encode(id))).has_value();
}

base::Argv Docker::load_image_command() const { return {"docker", "load", "--quiet"}; }

// As the API wants it: the part before the last colon, unless that is one of a registry's port.
void Docker::give_name(const Image& image) const {
  if (image.name.empty() || image.id.ends_with(image.name) ||
      api_.find(fmt::format("/images/{}/json", percent_encode(image.name))))
    return;
  const auto colon = image.name.rfind(':');
  const bool has_tag =
      colon != std::string::npos && image.name.find('/', colon) == std::string::npos;
  const auto repository = image.name.substr(0, has_tag ? colon : std::string::npos);
  const auto tag = has_tag ? image.name.substr(colon + 1) : "latest";
  (void)api_.post(fmt::format("/images/{}/tag?repo={}&tag={}", percent_encode(image.id),
                              percent_encode(repository), percent_encode(tag)),
                  {}, fmt::format("cannot name the image {}", image.name));
}

OciContainer Docker::define(OciContainer wanted, const std::string& definition,
                            const Image& image) const {
  const auto configuration = json::parse(definition);
  const auto named = api_.find(fmt::format("/images/{}/json", percent_encode(image.name)));
  const bool by_name = named && text(*named, "Id") == image.id;
  create_volumes(configuration);
  for (const auto& name : wanted.networks) make_network(configuration.at(kNetworksThere).at(name));
  const auto made =
      api_.post("/containers/create?name=" + percent_encode(wanted.name),
                docker::create_request(configuration, by_name ? image.name : image.id),
                fmt::format("docker cannot create {}", wanted.name));
  wanted.id = text(made, "Id");
  wanted.restarts = docker::restarts_of(configuration);
  return wanted;
}

void Docker::settle_in(const OciContainer& container) const {
  std::error_code untidy;
  fs::remove_all(checkpoint_directory(container), untidy);
  remove_checkpoint_copy(container);
  allow_restarts(container);
}

base::Path Docker::checkpoint_directory(const OciContainer& container) const {
  return container_directory(container.id) / "checkpoints" / kCheckpoint;
}

void Docker::prepare_restore(const OciContainer& container, const base::Path& images) const {
  const auto directory = checkpoint_directory(container);
  fs::create_directories(directory);
  ::chmod(directory.c_str(), 0700);
  base::replace_file(directory / kEngineNotes, base::read_file(images / kEngineNotes),
                     base::Durable::kNo);
}

base::Argv Docker::restore_command(const OciContainer& container, const std::string&,
                                   const base::Path&) const {
  return {"docker", "start", "--checkpoint", kCheckpoint, container.id};
}

namespace {

Reasons daemon_reasons(const json& info, const std::string& path) {
  Reasons reasons;
  if (!info.value("ExperimentalBuild", false)) {
    reasons.push_back(
        {"docker's daemon is not in experimental mode", "without it, it does not restore",
         "put {\"experimental\": true} into /etc/docker/daemon.json and restart docker"});
  }
  if (text(info, "Driver") != "overlay2") {
    reasons.push_back({fmt::format("docker stores containers by {} here", text(info, "Driver")),
                       "what the container has written is stored by overlay2 there",
                       "use the storage driver overlay2"});
  }
  const auto criu = base::find_in_path("criu", path);
  if (criu.empty() || !criu::is_shim(criu)) {
    reasons.push_back({criu.empty() ? fmt::format("docker finds no criu on its PATH ({})", path)
                                    : fmt::format("docker finds {} before ferry", criu.string()),
                       "ferry holds the restore as the criu that docker's runtime calls",
                       fmt::format("run `{} engine setup` there, once",
                                   fs::read_symlink("/proc/self/exe").string())});
  }
  return reasons;
}

}  // namespace

// Its daemon gives a container its network when the runtime has made it, no longer by a hook of
// that runtime's; one that is restored is made later.
Reasons Docker::version_reasons(const json& configuration) const {
  constexpr int kWithoutHook = 28;
  const auto version = text(api_.get("/version"), "Version");
  if (std::atoi(version.c_str()) < kWithoutHook ||
      text(configuration["HostConfig"], "NetworkMode") == "host")
    return {};
  return {
      {fmt::format("docker {} here cannot restore a container into a network of its own", version),
       "it takes the network of process 0 for the container's (containerd issue 12141)",
       "use docker 20.10 to 27 there; or let the container use the host's network (--network "
       "host)"}};
}

bool Docker::has_network(const std::string& name) const {
  return api_.find("/networks/" + percent_encode(name)).has_value();
}

Reasons Docker::prepare_network(json& network) {
  const kernel::Netlink host;
  return docker::reasons_not_to_make(network, {host.links(), host.addresses()});
}

void Docker::make_network(json network) const {
  for (const auto& lack : prepare_network(network)) base::refuse(lack.what, lack.why, lack.remedy);
  network["CheckDuplicate"] = true;
  (void)api_.post("/networks/create", network,
                  "docker cannot make the network " + text(network, "Name"));
}

Reasons Docker::reasons_against(const std::string& definition) const {
  const auto configuration = json::parse(definition, nullptr, false);
  if (!configuration.is_object() || !configuration.contains("HostConfig"))
    return {{"the plan cannot be read", "it has no definition of docker's",
             "use the same version of ferry on both hosts"}};
  const auto info = api_.get("/info");
  auto reasons = daemon_reasons(info, api_.daemon_search_path());
  for (const auto& name : networks_to_make(definition)) {
    auto network = configuration.at(kNetworksThere).at(name);
    for (auto& reason : prepare_network(network)) reasons.push_back(std::move(reason));
  }
  for (auto& reason : version_reasons(configuration)) reasons.push_back(std::move(reason));
  for (auto& reason : reasons_against_volumes(configuration)) reasons.push_back(std::move(reason));
  const auto runtime = text(configuration["HostConfig"], "Runtime");
  if (!runtime.empty() && !info.value("Runtimes", json::object()).contains(runtime)) {
    reasons.push_back({fmt::format("docker has no runtime {} here", runtime),
                       "the container runs by it", "configure it in daemon.json"});
  }
  return reasons;
}

}  // namespace ferry::runtime
