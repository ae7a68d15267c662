// SPDX-License-Identifier: Apache-2.0
//
// Which engine is meant, of `ferry move` and `ferry check`: --engine-root, --target-engine-root and
// --target-engine-env.
#include <fmt/format.h>

#include "cli/checking.h"
#include "cli/move_all.h"
#include "runtime/container_name.h"
#include "runtime/engine_environment.h"
#include "runtime/engine_root.h"

namespace ferry::cli {

namespace {

// Also that of --all ("runc:").
std::string engine_in(const std::string& what) {
  if (what.ends_with(':')) return parse_engine(what);
  const auto container = runtime::parse_container(what);
  return container ? container->engine : "";
}

void check_engine_root(const char* option, const std::string& root, const std::string& engine) {
  if (root.empty()) return;
  const auto wrong = [&](const std::string& why, const std::string& remedy) {
    return base::Error({fmt::format("{} {} cannot be", option, root), why, remedy, {}, {}},
                       base::Exit::kUsage);
  };
  if (engine.empty()) {
    throw wrong("it is for containers of runc and crun, and no engine is named",
                "name one: runc:ID or crun:ID; with --all runc: or crun:");
  }
  for (const auto& reason : runtime::engine_root_reasons(engine, root))
    throw wrong(reason.why, reason.remedy);
}

void check_engine_environment(const std::vector<std::string>& named, const std::string& engine) {
  if (named.empty()) return;
  if (engine.empty()) {
    throw base::Error({"--target-engine-env cannot be", "it is for containers, and no engine is named",
                       "name one: docker:NAME or podman:NAME; with --all docker: or podman:", {}, {}},
                      base::Exit::kUsage);
  }
  for (const auto& reason : runtime::engine_environment_reasons(engine, named))
    throw base::Error({reason.what, reason.why, reason.remedy, {}, {}}, base::Exit::kUsage);
}

}  // namespace

void add_engine_options(CLI::App& verb, migration::MoveOptions& options) {
  verb.add_option("--engine-root", options.engine_root,
                  "of a container of runc or crun: the state directory that it is known in, as "
                  "--root of those (default: their usual one)");
  verb.add_option("--target-engine-root", options.target_engine_root,
                  "the one that it is known in there (default: that of --engine-root)");
  verb.add_option("--target-engine-env", options.target_engine_environment,
                  "NAME=VALUE, by what a container's engine is found there (several times): "
                  "DOCKER_HOST=unix:///SOCKET, CONTAINERS_STORAGE_CONF=FILE, CONTAINERS_CONF=FILE; "
                  "PATH=DIRECTORY of its program")
      ->allow_extra_args(false);
}

void check_engine_options(const migration::MoveOptions& options) {
  if (options.engine_root.empty() && options.target_engine_root.empty() &&
      options.target_engine_environment.empty())
    return;
  const auto engine = engine_in(options.what);
  check_engine_root("--engine-root", options.engine_root, engine);
  check_engine_root("--target-engine-root", options.target_engine_root, engine);
  check_engine_environment(options.target_engine_environment, engine);
}

}  // namespace ferry::cli
