// SPDX-License-Identifier: Apache-2.0
//
// podman's volumes. One that it has made for a container (`-v /PATH`) has a name like any other
// there; that it was nameless podman knows only where it has made that up.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "base/error.h"
#include "base/program.h"
#include "runtime/podman.h"
#include "runtime/podman_runtime.h"

namespace ferry::runtime {

using nlohmann::json;
using process::Reasons;

namespace {

base::Error no_answer(const std::string& what, const base::Finished& told) {
  return base::Error(
      {fmt::format("podman does not tell {}", what), base::one_line(told.err), "", {}, {}});
}

}  // namespace

std::optional<Volume> Podman::find_volume(const std::string& name) const {
  const auto told = base::run({"podman", "volume", "inspect", name});
  if (told.status != 0) {
    for (const char* none : {"no such volume", "more than one result"}) {
      if (told.err.find(none) != std::string::npos) return std::nullopt;
    }
    throw no_answer("of its volume " + name, told);
  }
  // podman takes the beginning of a name as well.
  for (const auto& found : parse_list(engine_, told.out)) {
    if (found.value("Name", "") != name) continue;
    const auto options = found.value("Options", json::object());
    return Volume{name, found.value("Driver", ""), !options.empty(),
                  found.value("Labels", json::object()), found.value("Mountpoint", "")};
  }
  return std::nullopt;
}

std::vector<std::string> Podman::other_users(const std::string& volume,
                                             const std::string& id) const {
  const auto told =
      base::run({"podman", "ps", "--all", "--filter", "volume=" + volume, "--format", "json"});
  if (told.status != 0) throw no_answer("who has its volume " + volume, told);
  std::vector<std::string> names;
  for (const auto& user : parse_list(engine_, told.out)) {
    if (user.value("Id", "") != id) names.push_back(user.at("Names").at(0).get<std::string>());
  }
  return names;
}

void Podman::create_volume(const Volume& volume) const {
  base::Argv argv{"podman", "volume", "create"};
  for (const auto& [key, value] : volume.labels.items()) {
    argv.emplace_back("--label");
    argv.push_back(fmt::format("{}={}", key, value.get<std::string>()));
  }
  argv.emplace_back("--");
  argv.push_back(volume.name);
  const auto told = base::run(argv);
  if (told.status == 0) return;
  throw base::Error({fmt::format("podman cannot create the volume {}", volume.name),
                     base::one_line(told.err),
                     "",
                     {},
                     {}});
}

namespace {

std::string novice_of(const OciContainer& container) {
  return "ferry-volumes-" + container.id.substr(0, 12);
}

// NAME:PLACE, as `podman create -v` has it, of a config.json with its volumes.
std::vector<std::string> places_of_volumes(const json& configuration) {
  std::vector<std::string> places;
  const auto volumes = configuration.value("Volumes", json::object());
  for (const auto& mount : bind_mounts(configuration)) {
    for (const auto& [name, volume] : volumes.items()) {
      if (mount.here == volume.value("Path", "")) places.push_back(name + ":" + mount.at.string());
    }
  }
  return places;
}

}  // namespace

// The first start of a container with a new volume copies into it what the image has at its place,
// and gives it that one's owner and mode; the restore does only the former, and the next start
// would do the latter to what has come by then. So a container of the same image is started first,
// by a runtime that fails at once.
void Podman::make_volumes(const OciContainer& container, const std::string& definition,
                          const Image& image) const {
  const auto configuration = json::parse(definition);
  create_volumes(configuration);
  const auto places = places_of_volumes(configuration);
  if (places.empty()) return;
  const auto failing = base::find_in_path("false", program_path()).string();
  const auto novice = novice_of(container);
  base::Argv create{"podman",           "--runtime",    failing,     "create",
                    "--name",           novice,         "--network", "none",
                    "--no-healthcheck", "--log-driver", "none"};
  for (const auto& place : places) create.insert(create.end(), {"-v", place});
  create.insert(create.end(), {image.id, "true"});
  const auto told = base::run(create);
  if (told.status == 0) (void)base::run({"podman", "--runtime", failing, "init", novice});
  remove_novice(container);
  if (told.status == 0) return;
  throw base::Error({fmt::format("podman does not prepare the volumes of {}", container.text()),
                     base::one_line(told.err),
                     "",
                     {},
                     {}});
}

void Podman::remove_novice(const OciContainer& container) const {
  const auto novice = novice_of(container);
  if (base::run({"podman", "container", "exists", novice}).status == 0)
    (void)base::run({"podman", "rm", "--force", "--time", "0", novice});
}

// podman takes the only volume whose name begins so as well.
void Podman::remove_volume(const std::string& name) const {
  if (!find_volume(name)) return;
  const auto told = base::run({"podman", "volume", "rm", "--", name});
  if (told.status == 0 || !find_volume(name)) return;
  throw base::Error({fmt::format("podman cannot remove the volume {}", name),
                     base::one_line(told.err),
                     fmt::format("`podman volume rm {}`", name),
                     {},
                     {}});
}

namespace {

struct StoragePlaces {
  base::Path images, volumes, running;  // graphroot, volume_path, runroot
};

StoragePlaces storage_places() {
  const auto told = base::run({"podman", "info", "--format",
                               "{{.Store.GraphRoot}}\n{{.Store.VolumePath}}\n{{.Store.RunRoot}}"});
  std::istringstream lines(told.out);
  std::string images, volumes, running;
  std::getline(lines, images);
  std::getline(lines, volumes);
  std::getline(lines, running);
  if (told.status != 0 || running.empty()) throw no_answer("where its storage is", told);
  return {images, volumes, running};
}

}  // namespace

std::vector<base::Path> Podman::storage() const {
  const auto places = storage_places();
  return {places.images, places.volumes};
}

// Its config.json names the places of its volumes, and its definition one of what runs.
Reasons Podman::reasons_against(const std::string& definition) const {
  const auto configuration = json::parse(definition, nullptr, false);
  auto reasons = reasons_against_volumes(configuration);
  for (auto& reason : reasons_against_networks(definition)) reasons.push_back(std::move(reason));
  if (!configuration.is_object()) return reasons;
  for (auto& reason : podman::reasons_against_runtime(configuration)) reasons.push_back(std::move(reason));
  const auto here = storage_places();
  const auto pid_file = configuration.value(kSupervisorPidFile, "");
  if (!pid_file.empty() && !pid_file.starts_with(here.running.string() + "/")) {
    reasons.push_back(
        {fmt::format("podman keeps what runs in {} here", here.running.string()),
         fmt::format("the container's definition says {}, and is taken as it is", pid_file),
         "give both the same runroot (storage.conf); the graphroot may be another one"});
  }
  const auto volumes = configuration.value("Volumes", json::object());
  if (volumes.empty()) return reasons;
  const base::Path there =
      base::Path(volumes.begin()->value("Path", "")).parent_path().parent_path();
  if (here.volumes == there) return reasons;
  reasons.push_back(
      {fmt::format("podman keeps its volumes in {} here", here.volumes.string()),
       fmt::format("those of the container are in {}", there.string()),
       "give both hosts the same volume_path (containers.conf) and graphroot (storage.conf)"});
  return reasons;
}

}  // namespace ferry::runtime
