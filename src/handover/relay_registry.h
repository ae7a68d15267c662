// SPDX-License-Identifier: Apache-2.0
//
// What is known on a host of its relays: one file for each, written by its process and removed at
// its end; one that has been killed is known as such by its start time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "handover/relay.h"
#include "handover/relay_packet.h"
#include "kernel/procfs.h"

namespace ferry::handover {

enum class RelayEnd { kEntrance, kExit };

// So often an end looks after what takes no packet to happen, and writes down what it has found.
inline constexpr base::milliseconds kRelayLook{2'000};

struct RelayRecord {
  std::string name;
  RelayEnd end = RelayEnd::kEntrance;
  kernel::ProcessId process;
  std::vector<PublishedPort> ports;
  std::string peer;      // the other host, as users call it
  int64_t since_ns = 0;  // Unix time
  bool is_kept = false;  // RelayPolicy::keep
  uint64_t connections = 0;
  uint64_t bytes_in = 0, bytes_out = 0;  // to the workload, to clients
  uint64_t dropped = 0;                  // packets
  bool holds_ports = false;              // all of them, so that nobody else can publish them
};

// What its process says, why it has ended above all.
base::Path relay_log(const std::string& name, RelayEnd end);

// Where the one that is this process hears who calls it (relay_ear.h).
base::Path relay_ear(pid_t pid);

// Those whose process lives; entries of others are removed.
std::vector<RelayRecord> all_relays();
std::optional<RelayRecord> find_relay(const std::string& name, RelayEnd end);
void write_relay(const RelayRecord& record);
void remove_relay(const RelayRecord& record) noexcept;

// Of an entrance that holds what comes for the exit: that which is the relay's, for as long as it
// does. Nothing: none holds.
void write_held_flows(const std::string& name, const std::vector<FlowKey>& flows);
std::vector<FlowKey> read_held_flows(const std::string& name);
void remove_held_flows(const std::string& name) noexcept;

// Ends it and waits until it has gone; false: there is none (of that name, at that end).
bool stop_relay(const std::string& name, RelayEnd end);

}  // namespace ferry::handover
