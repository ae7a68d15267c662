// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <memory>

#include "cli/interrupt.h"
#include "cli/verbs.h"
#include "migration/guard.h"

namespace ferry::cli {

// Started by a ferry at work (migration/guard.h), not by people.
void add_guard(CLI::App& app, int& exit_code) {
  struct Arguments {
    std::string role, job;
  };
  auto arguments = std::make_shared<Arguments>();
  auto* verb = app.add_subcommand("guard", "")->group("");
  verb->add_option("--role", arguments->role)->required()->check(CLI::IsMember({"source", "target"}));
  verb->add_option("--job", arguments->job)->required();
  verb->callback([arguments, &exit_code] {
    require_root("guard");
    const auto role = arguments->role == "source" ? migration::Role::kSource : migration::Role::kTarget;
    exit_code = migration::run_guard(role, arguments->job, STDIN_FILENO);
  });
}

}  // namespace ferry::cli
