// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <signal.h>

#include <memory>

#include "base/clock.h"
#include "base/units.h"
#include "capsule/spawn.h"
#include "cli/interrupt.h"
#include "cli/verbs.h"
#include "migration/resolve.h"
#include "runtime/workload.h"

namespace ferry::cli {
namespace {

// SIGTERM to its root (its init passes it on), SIGKILL to all of it when that does not help.
int stop(const std::string& name, base::nanoseconds patience) {
  capsule::check_name(name);
  const auto lock = capsule::Lock::take(name, "stop");
  const auto record = runtime::require_here(name);
  if (const auto serving = migration::find_serving(name)) {
    base::refuse(fmt::format("cannot stop {}", name),
                 fmt::format("it runs on {}, which still needs memory of the frozen copy here", serving->note.peer),
                 fmt::format("`ferry resolve {}` sends it there; stop it on {}", name, serving->note.peer));
  }
  if (!capsule::is_running(record)) {
    fmt::print("{} has ended already\n", name);
    return 0;
  }
  kernel::signal_process(record.init, SIGTERM);
  const bool stubborn = !kernel::ends_within(record.init, patience);
  if (stubborn) {
    const auto freezer = kernel::Freezer::create(name);
    freezer.kill_all();
    freezer.thaw();  // a copy left frozen by a move that ended in doubt must be able to die
    capsule::destroy_capsule(record.init);
    freezer.remove();
  }
  fmt::print("{} {}\n", name, stubborn ? "was killed: it did not end on SIGTERM" : "has ended");
  return 0;
}

}  // namespace

void add_stop(CLI::App& app, int& exit_code) {
  struct Arguments {
    std::string name, patience = "10s";
  };
  auto arguments = std::make_shared<Arguments>();
  auto* verb = app.add_subcommand("stop", "end a workload");
  verb->add_option("name", arguments->name, "as `ferry ps` shows it")->required();
  verb->add_option("--timeout", arguments->patience, "how long it may take before it is killed (10s)");
  verb->callback([arguments, &exit_code] {
    require_root("stop");
    exit_code = stop(arguments->name, base::parse_duration(arguments->patience));
  });
}

}  // namespace ferry::cli
