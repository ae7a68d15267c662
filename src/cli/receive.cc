// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>

#include "base/fault.h"
#include "cli/interrupt.h"
#include "cli/verbs.h"
#include "migration/target.h"
#include "transport/bootstrap.h"

namespace ferry::cli {

// Started by the source over SSH, not by people.
void add_receive(CLI::App& app, int& exit_code) {
  struct Arguments {
    bool show_protocol = false;
    std::string ports, faults;
  };
  auto arguments = std::make_shared<Arguments>();
  auto* verb = app.add_subcommand("receive", "the target's half of a move (started by `ferry move` over SSH)");
  verb->add_flag("--show-protocol", arguments->show_protocol, "print the version of the protocol and end");
  verb->add_option("--port", arguments->ports, "ports to listen on: A-B");
  verb->add_option("--faults", arguments->faults, "for tests");
  verb->callback([arguments, &exit_code] {
    if (arguments->show_protocol) {
      fmt::print("{}\n", transport::kProtocol);
      exit_code = 0;
      return;
    }
    require_root("receive");
    base::set_faults(arguments->faults);
    transport::AcceptOptions options;
    if (!arguments->ports.empty()) options.ports = transport::parse_port_range(arguments->ports);
    auto accepted = transport::accept_source(options);
    exit_code = migration::run_target(accepted) ? 0 : 1;
  });
}

}  // namespace ferry::cli
