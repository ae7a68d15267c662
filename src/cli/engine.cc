// SPDX-License-Identifier: Apache-2.0
//
// `ferry engine`: for container engines that run already. An engine that ferry starts itself (runc) needs nothing of it.
#include <fmt/format.h>

#include "cli/verbs.h"
#include "criu/shim.h"

namespace ferry::cli {

void add_engine(CLI::App& app, int&) {
  auto* engine = app.add_subcommand("engine", "let container engines that run already call CRIU through ferry");
  engine->require_subcommand(1);
  engine->add_subcommand("setup", fmt::format("place {}, which passes every call on that is not part of a move", criu::kShimPlace))
      ->callback([] {
        fmt::print("{}\n", criu::place_shim() ? fmt::format("placed {}; no engine needs to be restarted. `ferry engine undo` removes it",
                                                            criu::kShimPlace)
                                              : fmt::format("{} is there already", criu::kShimPlace));
      });
  engine->add_subcommand("undo", fmt::format("remove {}", criu::kShimPlace))->callback([] {
    fmt::print("{}\n", criu::remove_shim() ? fmt::format("removed {}", criu::kShimPlace) : fmt::format("{} is not there", criu::kShimPlace));
  });
}

}  // namespace ferry::cli
