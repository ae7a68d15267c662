// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <signal.h>

#include <memory>
#include <thread>

#include "base/error.h"
#include "cli/interrupt.h"
#include "cli/verbs.h"
#include "runtime/workload.h"

namespace ferry::cli {
namespace {

constexpr std::chrono::milliseconds kPollInterval{10};

int cancel(const std::string& what, const std::string& engine_root) {
  const std::string name = runtime::lock_name(what);
  const auto holder = capsule::Lock::find_holder(name);
  if (!holder || holder->purpose != "move") {
    base::refuse(fmt::format("nothing to cancel: {} is not being moved from this host", what), "");
  }
  kernel::signal_process(holder->process, SIGINT);
  while (kernel::is_alive(holder->process)) std::this_thread::sleep_for(kPollInterval);
  const auto freezer = kernel::Freezer::find(name);
  if (freezer && freezer->is_frozen()) {
    throw base::Error({"too late to cancel", "the move ended in doubt: it may run on the other host", "look there with `ferry ps`",
                       {}, {}});
  }
  try {
    (void)runtime::find_workload(what, {}, engine_root);
  } catch (const base::Error& gone) {
    throw base::Error({"too late to cancel", gone.what(), "", {}, {}});
  }
  fmt::print("cancelled: {} goes on here\n", what);
  return 0;
}

}  // namespace

void add_cancel(CLI::App& app, int& exit_code) {
  auto what = std::make_shared<std::string>(), engine_root = std::make_shared<std::string>();
  auto* verb = app.add_subcommand("cancel", "give up a move that is under way (before its commit point)");
  verb->add_option("what", *what, "the name or pid that is being moved")->required();
  verb->add_option("--engine-root", *engine_root, "as of `ferry move`");
  verb->callback([what, engine_root, &exit_code] {
    require_root("cancel");
    exit_code = cancel(*what, *engine_root);
  });
}

}  // namespace ferry::cli
