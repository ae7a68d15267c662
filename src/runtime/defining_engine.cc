// SPDX-License-Identifier: Apache-2.0
#include "runtime/defining_engine.h"

#include <fmt/format.h>

#include "base/error.h"

namespace ferry::runtime {

using nlohmann::json;
using process::Reasons;

namespace {

std::vector<Volume> volumes_of(const json& definition) {
  std::vector<Volume> volumes;
  if (!definition.is_object()) return volumes;
  const auto described = definition.value("Volumes", json::object());
  for (const auto& [name, told] : described.items()) {
    Volume volume{name, "local"};
    if (told.is_object() && told.value("Labels", json()).is_object())
      volume.labels = told["Labels"];
    if (told.is_object()) volume.path = told.value("Path", "");
    volumes.push_back(std::move(volume));
  }
  return volumes;
}

}  // namespace

std::vector<std::string> DefiningEngine::volumes_in(const std::string& definition) const {
  std::vector<std::string> names;
  for (const auto& volume : volumes_of(json::parse(definition, nullptr, false)))
    names.push_back(volume.name);
  return names;
}

std::vector<std::string> DefiningEngine::networks_to_make(const std::string& definition) const {
  const auto parsed = json::parse(definition, nullptr, false);
  std::vector<std::string> names;
  if (!parsed.is_object()) return names;
  const auto there = parsed.value(kNetworksThere, json::object());
  for (const auto& [name, network] : there.items()) {
    if (!has_network(name)) names.push_back(name);
  }
  return names;
}

Reasons DefiningEngine::volume_reasons(const OciContainer& container) const {
  Reasons reasons;
  for (const auto& name : container.volumes) {
    const auto volume = find_volume(name);
    if (!volume) continue;  // it is about to go
    if (volume->driver != "local" || volume->has_options) {
      reasons.push_back(
          {fmt::format("its volume {} is not a plain one", name),
           fmt::format("it is of the driver {}, or has options of its own", volume->driver),
           "give both hosts the same storage, and bind it (-v /DIRECTORY:…)"});
    }
    for (const auto& user : other_users(name, container.id)) {
      reasons.push_back({fmt::format("its volume {} is also that of {}", name, user),
                         "it would go away from there",
                         "remove that container, or give each a volume"});
    }
  }
  return reasons;
}

json DefiningEngine::describe_volumes(const OciContainer& container) const {
  json described = json::object();
  for (const auto& name : container.volumes) {
    const auto volume = find_volume(name);
    if (!volume) {
      throw base::Error({fmt::format("{} has no volume {} any more", engine_, name),
                         "it was removed meanwhile",
                         "",
                         {},
                         {}});
    }
    described[name] = {{"Labels", volume->labels}, {"Path", volume->path.string()}};
  }
  return described;
}

Reasons DefiningEngine::reasons_against_volumes(const json& definition) const {
  Reasons reasons;
  for (const auto& volume : volumes_of(definition)) {
    if (!find_volume(volume.name)) continue;
    reasons.push_back(
        {fmt::format("{} has a volume {} here already", engine_, volume.name),
         "what is in it may be needed",
         fmt::format("`{} volume rm {}` there, when it is not needed", engine_, volume.name)});
  }
  return reasons;
}

void DefiningEngine::create_volumes(const json& definition) const {
  for (const auto& volume : volumes_of(definition)) create_volume(volume);
}

void DefiningEngine::remove_volumes(const OciContainer& container) const {
  for (const auto& name : container.volumes) remove_volume(name);
}

}  // namespace ferry::runtime
