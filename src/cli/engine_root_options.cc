// SPDX-License-Identifier: Apache-2.0
//
// --engine-root and --target-engine-root of `ferry move` and `ferry check`.
#include <fmt/format.h>

#include "cli/checking.h"
#include "cli/move_all.h"
#include "runtime/container_name.h"
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

}  // namespace

void add_engine_root_options(CLI::App& verb, migration::MoveOptions& options) {
  verb.add_option("--engine-root", options.engine_root,
                  "of a container of runc or crun: the state directory that it is known in, as "
                  "--root of those (default: their usual one)");
  verb.add_option("--target-engine-root", options.target_engine_root,
                  "the one that it is known in there (default: that of --engine-root)");
}

void check_engine_roots(const migration::MoveOptions& options) {
  if (options.engine_root.empty() && options.target_engine_root.empty()) return;
  const auto engine = engine_in(options.what);
  check_engine_root("--engine-root", options.engine_root, engine);
  check_engine_root("--target-engine-root", options.target_engine_root, engine);
}

}  // namespace ferry::cli
