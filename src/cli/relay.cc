// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "base/clock.h"
#include "base/error.h"
#include "base/units.h"
#include "cli/interrupt.h"
#include "cli/verbs.h"
#include "handover/relay_process.h"
#include "handover/relay_registry.h"

namespace ferry::cli {
namespace {

using handover::RelayEnd;
using handover::RelayRecord;

void print_relays_json(const std::vector<RelayRecord>& relays) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& relay : relays) {
    const bool is_exit = relay.end == RelayEnd::kExit;
    list.push_back({{"name", relay.name},
                    {is_exit ? "from" : "to", relay.peer},
                    {"ports", handover::texts_of(relay.ports)},
                    {"connections", relay.connections},
                    {"bytes_in", relay.bytes_in},
                    {"bytes_out", relay.bytes_out},
                    {"dropped", relay.dropped},
                    {"since", base::iso_time(relay.since_ns)},
                    {"pid", relay.process.pid}});
    if (is_exit) continue;
    list.back()["keep"] = relay.is_kept;
    list.back()["holds_ports"] = relay.holds_ports;
  }
  fmt::print("{}\n", list.dump(2));
}

void list_relays(bool as_json) {
  const auto relays = handover::all_relays();
  if (as_json) return print_relays_json(relays);
  fmt::print("{:<16} {:<16} {:>11} {:>10} {:>10} {:<6} {:<13} {}\n", "NAME", "RELAYED",
             "CONNECTIONS", "IN", "OUT", "SINCE", "ENDS", "PORTS");
  for (const auto& relay : relays) {
    const bool is_exit = relay.end == RelayEnd::kExit;
    fmt::print("{:<16} {:<16} {:>11} {:>10} {:>10} {:<6} {:<13} {}\n", relay.name,
               fmt::format("{} {}", is_exit ? "from" : "to", relay.peer), relay.connections,
               base::format_bytes(relay.bytes_in), base::format_bytes(relay.bytes_out),
               base::local_hhmm(relay.since_ns),
               is_exit         ? "with the other"
               : relay.is_kept ? "when stopped"
                               : "when unused",
               fmt::join(handover::texts_of(relay.ports), ", "));
  }
}

[[noreturn]] void refuse_unknown(const std::string& name) {
  std::set<std::string> names;
  for (const auto& relay : handover::all_relays()) names.insert(relay.name);
  base::refuse(fmt::format("cannot stop the relay {}", name), "there is no such relay on this host",
               names.empty() ? "there is none at all"
                             : fmt::format("there are: {}", fmt::join(names, ", ")));
}

// Its entrance, or its exit where this is the target: the other end follows.
void stop_one(const std::string& name) {
  const bool was_entrance = handover::stop_relay(name, RelayEnd::kEntrance);
  if (!was_entrance && !handover::stop_relay(name, RelayEnd::kExit)) refuse_unknown(name);
  fmt::print("the relay {} has ended\n", name);
}

void add_stop_relay(CLI::App& relay) {
  struct Arguments {
    std::string name;
    bool all = false;
  };
  auto arguments = std::make_shared<Arguments>();
  auto* verb =
      relay.add_subcommand("stop", "end a relay: its ports are free again, its connections end");
  auto* name = verb->add_option("name", arguments->name, "as `ferry relay list` shows it");
  verb->add_flag("--all", arguments->all, "every relay of this host")->excludes(name);
  verb->callback([arguments] {
    require_root("stop a relay");
    if (!arguments->all && arguments->name.empty())
      throw CLI::RequiredError("the name of a relay, or --all");
    if (!arguments->all) return stop_one(arguments->name);
    for (const auto& one : handover::all_relays()) {
      if (handover::stop_relay(one.name, one.end)) fmt::print("the relay {} has ended\n", one.name);
    }
  });
}

}  // namespace

void add_relay(CLI::App& app, int& exit_code) {
  auto* relay = app.add_subcommand(
      "relay", "the published ports that are led on to where their containers have moved");
  relay->require_subcommand(1);
  auto as_json = std::make_shared<bool>(false);
  auto* list = relay->add_subcommand("list", "what is relayed from or to this host");
  list->add_flag("--json", *as_json, "as JSON");
  list->callback([as_json] { list_relays(*as_json); });
  add_stop_relay(*relay);
  // Started by a ferry that moves (handover/relay_process.h), not by people.
  relay->add_subcommand("serve", "")->group("")->callback([&exit_code] {
    require_root("relay");
    const Interrupt stop;
    exit_code = handover::run_relay(STDIN_FILENO, stop.fd());
  });
}

}  // namespace ferry::cli
