// SPDX-License-Identifier: Apache-2.0
//
// Bind mounts at the target.
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ranges>

#include "base/error.h"
#include "base/log.h"
#include "files/tree_print.h"
#include "runtime/bind_mounts.h"

namespace ferry::runtime {

namespace fs = std::filesystem;
using nlohmann::json;
using process::Reason;
using process::Reasons;

namespace {

// A link that leads nowhere is there, too.
bool is_here(const base::Path& path) {
  std::error_code none;
  return fs::exists(fs::symlink_status(path, none));
}

// What a source says: it must not lead elsewhere than it reads.
bool is_plain_path(const base::Path& path) {
  return path.is_absolute() && path == path.lexically_normal() && path.has_filename();
}

base::Path first_missing(base::Path path) {
  while (path.has_relative_path() && !is_here(path.parent_path())) path = path.parent_path();
  return path;
}

Reason missing(const BindMount& bind) {
  const auto path = bind.path.string();
  const auto remedy =
      bind.never_sent.empty()
          ? fmt::format("add --with-bind {}, which sends what is in it, or make it there yourself",
                        path)
          : fmt::format("make it there, with what belongs into it ({})", bind.never_sent);
  return {fmt::format("{} is not here", path), "the container has it as a bind mount", remedy};
}

Reason in_the_way(const BindMount& bind) {
  return {
      fmt::format("{} is there already, and differs", bind.path.string()),
      "what is there is never overwritten",
      fmt::format(
          "move it out of the way there, or leave out --with-bind {} to go on with what is there",
          bind.path.string())};
}

}  // namespace

Reasons bind_reasons(const std::vector<BindMount>& binds) {
  Reasons reasons;
  std::error_code none;
  for (const auto& bind : binds) {
    if (!bind.is_sent) {
      if (!fs::exists(bind.path, none)) reasons.push_back(missing(bind));
      continue;
    }
    if (!is_plain_path(bind.path) || !why_never_sent(bind.path, {}).empty()) {
      reasons.push_back({fmt::format("{} is not taken here", bind.path.string()),
                         why_never_sent(bind.path, {}), "leave out --with-bind for it"});
      continue;
    }
    if (!is_here(bind.path)) continue;
    const auto print = files::print_of(bind.path);
    if (!print || print->text != bind.print) reasons.push_back(in_the_way(bind));
  }
  return reasons;
}

BindPlaces::BindPlaces(const std::vector<BindMount>& binds) {
  for (const auto& bind : binds) {
    if (bind.is_sent && !is_here(bind.path))
      places_.push_back({bind.path, first_missing(bind.path), bind.is_directory});
  }
  std::ranges::sort(places_, {}, &Place::path);  // one may be in another
}

BindPlaces BindPlaces::from(const json& note) {
  BindPlaces places;
  for (const auto& one : note)
    places.places_.push_back(
        {one.value("path", ""), one.value("top", ""), one.value("directory", false)});
  return places;
}

json BindPlaces::note() const {
  json note = json::array();
  for (const auto& place : places_)
    note.push_back({{"path", place.path.string()},
                    {"top", place.top.string()},
                    {"directory", place.is_directory}});
  return note;
}

void BindPlaces::make() {
  for (auto place = places_.begin(); place != places_.end(); ++place) {
    fs::create_directories(place->path.parent_path());
    std::error_code failed;
    const bool made =
        place->is_directory
            ? fs::create_directory(place->path, failed)
            : base::try_open_file(place->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)
                  .has_value();
    if (made) continue;
    const auto path = place->path.string();
    places_.erase(place, places_.end());  // not ours to remove
    base::refuse(fmt::format("cannot make {}", path),
                 failed ? failed.message() : "somebody else has made it meanwhile", "try again");
  }
}

void BindPlaces::remove() const {
  for (const auto& place : places_ | std::views::reverse) {
    std::error_code untidy;
    fs::remove_all(place.path, untidy);
    if (untidy) base::log("{}: {}", place.path.string(), untidy.message());
    // Its directories, as long as nobody else has put something there.
    for (auto path = place.path; path != place.top && path.has_relative_path();) {
      path = path.parent_path();
      if (!fs::remove(path, untidy)) break;
    }
  }
}

bool BindPlaces::makes(const base::Path& path) const {
  return std::ranges::find(places_, path, &Place::path) != places_.end();
}

}  // namespace ferry::runtime
