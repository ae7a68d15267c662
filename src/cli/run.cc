// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>

#include "base/clock.h"
#include "base/error.h"
#include "capsule/spawn.h"
#include "cli/interrupt.h"
#include "cli/verbs.h"
#include "handover/identity.h"
#include "runtime/launch.h"

namespace ferry::cli {

void add_run(CLI::App& app, int& exit_code) {
  auto request = std::make_shared<runtime::LaunchRequest>();
  auto* verb = app.add_subcommand("run", "start a workload that can be moved");
  verb->add_option("--name", request->name, "what it is called")->required();
  verb->add_option("--ip", request->ip, "an address of its own on the host's segment: 10.77.0.9/24");
  verb->add_option("--gateway", request->gateway, "its default route (with --ip)");
  verb->add_option("command", request->command, "the program and its arguments, after --")->required();
  verb->callback([request, &exit_code] {
    require_root("run");
    const auto record = runtime::launch(*request);
    fmt::print("{} runs{}; output goes to {}\n", record.name, record.ip.empty() ? "" : " as " + record.ip,
               capsule::log_of(record.name).string());
    exit_code = 0;
  });
}

}  // namespace ferry::cli
