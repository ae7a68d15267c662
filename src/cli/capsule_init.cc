// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "capsule/init.h"
#include "cli/verbs.h"

namespace ferry::cli {

// Pid 1 of a capsule; started by capsule::Capsule::start, not by people.
void add_capsule(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<capsule::InitOptions>();
  auto* verb = app.add_subcommand("capsule-init", "")->group("");
  verb->add_option("--name", options->name)->required();
  verb->add_option("--control", options->control_fd)->required();
  verb->add_option("--last-pid", options->last_pid);
  verb->callback([options, &exit_code] { exit_code = capsule::run_init(*options); });
}

}  // namespace ferry::cli
