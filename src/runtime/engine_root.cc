// SPDX-License-Identifier: Apache-2.0
#include "runtime/engine_root.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>

#include "base/program.h"

namespace ferry::runtime {

namespace fs = std::filesystem;
using base::Path;
using process::Reason;
using process::Reasons;

namespace {

constexpr size_t kLongestRoot = 1000;  // of PATH_MAX (4096) something is left for what is in it
// Who calls runc there itself, and has to be asked for its containers.
constexpr const char* kRootsOfOthers[] = {"/run/docker", "/run/containerd"};

bool is_below(const Path& path, const Path& directory) {
  return std::mismatch(directory.begin(), directory.end(), path.begin(), path.end()).first ==
         directory.end();
}

std::string whose_root(const Path& path) {
  const auto plain =
      is_below(path, "/var/run") ? "/run" / path.lexically_relative("/var/run") : path;
  for (const char* other : kRootsOfOthers) {
    if (is_below(plain, other)) return Path(other).filename().string();
  }
  return {};
}

// Of what is there of it already: what others may write to, they could have put in place of it.
std::optional<Reason> weakness_of(const Path& root) {
  Path there = root;
  std::error_code none;
  while (!fs::exists(there, none) && there.has_relative_path()) there = there.parent_path();
  struct stat seen {};
  if (::stat(there.c_str(), &seen) != 0 || !S_ISDIR(seen.st_mode))
    return Reason{fmt::format("{} is no directory", there.string()),
                  "the container is to be known in " + root.string(),
                  "name another --target-engine-root"};
  if (seen.st_uid == 0 && (seen.st_mode & S_IWOTH) == 0) return std::nullopt;
  return Reason{fmt::format("{} is not root's alone", there.string()),
                fmt::format("who may write there decides what the engine knows of containers ({})",
                            root.string()),
                fmt::format("`install -d -m 700 {}` there, or name another --target-engine-root",
                            root.string())};
}

// The file in a container's directory without which it is none.
const char* state_file(const std::string& engine) {
  return engine == "crun" ? "status" : "state.json";
}

}  // namespace

base::Argv runtime_at(const std::string& runtime, const std::string& root) {
  return root.empty() ? base::Argv{runtime} : base::Argv{runtime, "--root", root};
}

Reasons engine_root_reasons(const std::string& engine, const std::string& root) {
  const auto what = fmt::format("{} cannot be {}'s state directory", root, engine);
  if (engine == "docker") {
    return {{what, "docker's daemon has its own, and is found by its socket",
             "call ferry with DOCKER_HOST=unix:///PATH, as docker is called; for the target say "
             "--target-engine-env DOCKER_HOST=unix:///PATH"}};
  }
  if (engine == "podman") {
    return {{what, "podman's is one of several directories that its configuration names",
             "call ferry with CONTAINERS_STORAGE_CONF=FILE; for the target say --target-engine-env "
             "CONTAINERS_STORAGE_CONF=FILE"}};
  }
  if (root.size() > kLongestRoot || !base::is_plain_path(root))
    return {{what, "it is no absolute path of a directory",
             "as --engine-root /run/other: without \"..\", and no / at its end"}};
  if (const auto owner = whose_root(root); !owner.empty()) {
    return {{what, fmt::format("its containers are {}'s, who would miss them", owner),
             owner == "docker" ? "name the container docker:NAME"
                               : "this version moves those of docker, podman, runc and crun"}};
  }
  return {};
}

Reasons arrival_root_reasons(const std::string& engine, const std::string& root) {
  if (root.empty()) return {};
  auto reasons = engine_root_reasons(engine, root);
  if (!reasons.empty()) return reasons;
  if (auto weakness = weakness_of(root)) reasons.push_back(std::move(*weakness));
  return reasons;
}

std::vector<std::string> roots_that_know(const std::string& engine, const std::string& id,
                                         const std::string& root) {
  const Path looked_in = root.empty() ? Path("/run") / engine : Path(root);
  std::vector<std::string> roots;
  std::error_code none;
  for (const auto& one : fs::directory_iterator("/run", none)) {
    if (one.path() != looked_in && fs::exists(one.path() / id / state_file(engine), none))
      roots.push_back(one.path().string());
  }
  std::ranges::sort(roots);
  return roots;
}

}  // namespace ferry::runtime
