// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

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
  struct Addresses {
    std::vector<std::string> ip, gateway;
  };
  auto addresses = std::make_shared<Addresses>();
  auto* verb = app.add_subcommand("run", "start a workload that can be moved");
  verb->add_option("--name", request->name, "what it is called")->required();
  verb->add_option("--ip", addresses->ip, "an address of its own on the host's segment: 10.77.0.9/24; also IPv6, or both")
      ->delimiter(',')
      ->allow_extra_args(false);
  verb->add_option("--gateway", addresses->gateway, "its default route (with --ip); one for each family")->delimiter(',')->allow_extra_args(false);
  verb->add_option("command", request->command, "the program and its arguments, after --")->required();
  verb->callback([request, addresses, &exit_code] {
    require_root("run");
    request->ip = fmt::format("{}", fmt::join(addresses->ip, ","));
    request->gateway = fmt::format("{}", fmt::join(addresses->gateway, ","));
    const auto record = runtime::launch(*request);
    fmt::print("{} runs{}; output goes to {}\n", record.name, record.ip.empty() ? "" : " as " + record.ip,
               capsule::log_of(record.name).string());
    exit_code = 0;
  });
}

}  // namespace ferry::cli
