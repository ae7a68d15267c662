// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "capsule/record.h"
#include "cli/verbs.h"
#include "handover/relay_registry.h"
#include "kernel/freezer.h"
#include "memory/settling.h"
#include "migration/resolve.h"

namespace ferry::cli {
namespace {

bool is_frozen(const capsule::Record& record) {
  const auto freezer = kernel::Freezer::find(record.name);
  return freezer && freezer->is_frozen();
}

// Post-copy: what of its memory is not where it runs yet.
std::string far_memory_of(const capsule::Record& record) {
  const auto settling = memory::find_settling(record.name);
  if (!settling || settling->far_left == 0) return "";
  return fmt::format("{} memory from {}", settling->is_pulled ? "takes" : "waits for", record.came_from);
}

// For programs.
std::string state_word(const capsule::Record& record) {
  if (capsule::is_running(record)) {
    if (is_frozen(record)) return migration::find_serving(record.name) ? "serving" : "frozen";
    return "running";
  }
  return record.moved_to.empty() ? "ended" : "moved";
}

using Relays = std::vector<handover::RelayRecord>;

// What has moved away with published ports, which this host relays. Containers have no record here: their relay is all there is.
Relays relays_from_here() {
  auto relays = handover::all_relays();
  std::erase_if(relays, [](const auto& relay) { return relay.end != handover::RelayEnd::kEntrance; });
  return relays;
}

std::string relay_state(const handover::RelayRecord& relay) {
  return fmt::format("moved to {}, relay: {} connection{}", relay.peer, relay.connections, relay.connections == 1 ? "" : "s");
}

std::string state_of(const capsule::Record& record) {
  if (!record.moved_to.empty()) {
    return fmt::format("moved to {} at {}", record.moved_to, base::local_hhmm(record.moved_at_ns));
  }
  if (capsule::is_running(record)) {
    if (const auto far = far_memory_of(record); !far.empty()) return far;
    if (!is_frozen(record)) return "running";
    const auto serving = migration::find_serving(record.name);
    return serving ? fmt::format("gives memory to {}", serving->note.peer) : "frozen (by a move)";
  }
  if (record.exit_status) return fmt::format("ended ({})", *record.exit_status);
  return "ended";
}

void print_json(const std::vector<capsule::Record>& records, const Relays& relays) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& r : records) {
    nlohmann::ordered_json j = {{"name", r.name},
                                {"state", state_word(r)},
                                {"pid", capsule::host_root_pid(r).value_or(0)},
                                {"ip", r.ip},
                                {"service_address", r.service},
                                {"since", base::iso_time(r.created_ns)},
                                {"came_from", r.came_from},
                                {"moved_to", r.moved_to},
                                {"command", r.command}};
    if (const auto far = far_memory_of(r); !far.empty()) j["memory"] = far;
    if (r.exit_status) j["exit_status"] = *r.exit_status;
    list.push_back(j);
  }
  for (const auto& relay : relays) {
    list.push_back({{"name", relay.name},
                    {"state", "relayed"},
                    {"pid", relay.process.pid},
                    {"since", base::iso_time(relay.since_ns)},
                    {"moved_to", relay.peer},
                    {"connections", relay.connections}});
  }
  fmt::print("{}\n", list.dump(2));
}

}  // namespace

void add_ps(CLI::App& app, int& exit_code) {
  struct Arguments {
    bool all = false, json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  auto* verb = app.add_subcommand("ps", "list the workloads of this host");
  verb->add_flag("-a,--all", arguments->all, "also those that ended or moved away");
  verb->add_flag("--json", arguments->json, "as JSON");
  verb->callback([arguments, &exit_code] {
    std::vector<capsule::Record> shown;
    for (auto& record : capsule::all_records()) {
      if (arguments->all || capsule::is_running(record)) shown.push_back(std::move(record));
    }
    exit_code = 0;
    const auto relays = arguments->all ? relays_from_here() : Relays{};
    if (arguments->json) return print_json(shown, relays);
    fmt::print("{:<16} {:<24} {:>8}  {:<18} {:<6} {}\n", "NAME", "STATE", "PID", "IP", "SINCE", "COMMAND");
    for (const auto& r : shown) {
      const auto pid = capsule::host_root_pid(r);
      fmt::print("{:<16} {:<24} {:>8}  {:<18} {:<6} {}\n", r.name, state_of(r), pid ? std::to_string(*pid) : "-",
                 !r.ip.empty() ? r.ip : r.service.empty() ? "-" : r.service, base::local_hhmm(r.created_ns), r.command);
    }
    for (const auto& relay : relays) {
      fmt::print("{:<16} {:<24} {:>8}  {:<18} {:<6} {}\n", relay.name, relay_state(relay), relay.process.pid, "-",
                 base::local_hhmm(relay.since_ns), "ferry relay");
    }
  });
}

}  // namespace ferry::cli
