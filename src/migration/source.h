// SPDX-License-Identifier: Apache-2.0
//
// The source's half of a move. `run_source` reads like the left column of DESIGN's story:
// prepare, copy, freeze, dump, send, restore (there), commit, grant, bury.
#pragma once

#include <string>
#include <vector>

#include "migration/events.h"
#include "migration/policy.h"
#include "process/connections.h"
#include "transport/bootstrap.h"

namespace ferry::migration {

// How much of the memory is copied before the freeze. Settings of one machine, not code paths.
enum class Mode {
  kAuto,    // rounds, where the kernel can track writes; else as kStop
  kPre,     // rounds, or it is refused
  kHybrid,  // some rounds; what is written after them is fetched once it runs there
  kPost,    // none: all of it is fetched once it runs there
  kStop,    // none: all of it within the pause
};
inline constexpr std::string_view kModeNames[] = {"auto", "pre", "hybrid", "post", "stop"};
inline std::string_view name_of(Mode mode) { return kModeNames[static_cast<size_t>(mode)]; }
// Throws Error (usage).
Mode parse_mode(std::string_view name);

// What becomes of a container's published ports here.
enum class Relaying {
  kUntilIdle,  // they lead to it there until its last connection by them has ended
  kKeep,       // until `ferry relay stop`
  kNone,       // they end here
};
inline constexpr std::string_view kRelayingNames[] = {"until-idle", "keep", "none"};
// Throws Error (usage).
Relaying parse_relaying(std::string_view name);

inline constexpr std::string_view kNoAddress = "none";  // MoveOptions::address: also when the workload came here with one

struct MoveOptions {
  std::string what;          // a name, a pid, pid:N
  std::string destination;   // [user@]host
  std::string arrival_name;  // for a bare tree; empty: comm-PID
  // Of this host, that moves with a workload of the host's own network; empty: the one that it came with, if any.
  std::string address;
  process::TcpPolicy tcp = process::TcpPolicy::kKeep;
  std::vector<std::string> ssh_options;
  std::optional<transport::PortRange> ports;
  bool tunnel = false;
  Mode mode = Mode::kAuto;
  int rounds = 1;                // hybrid
  base::milliseconds post_copy_timeout{60'000};  // so long it waits for a connection that was cut
  PauseGoal pause;
  int throttle = 0;          // percent of its time that a workload which writes too fast may be stopped for while it is copied
  uint64_t bandwidth = 0;    // bytes per second for the memory; 0: as fast as it goes
  int lanes = 2;             // connections that carry memory; 0: it goes with the messages
  bool parking = true;       // of packets in the pause, where it can be
  Relaying relaying = Relaying::kUntilIdle;
  bool keep_source = false;  // of a container: what has stopped here is kept
  // Of a container of runc or crun: their state directories here and there; empty: the usual one, or there the same as here.
  std::string engine_root, target_engine_root;
  std::vector<std::string> target_engine_environment;  // of a container: by what its engine there is found, NAME=VALUE
  std::vector<std::string> with_binds;  // of a container: paths of this host, bound into it, whose contents go along
  int wake_fd = -1;          // readable: cancel, if that is still possible
};

// Never throws for what can go wrong in a move: the report says it (result, error). Throws only on a misuse of the options.
Report run_source(const MoveOptions& options, const Observer& observer);

}  // namespace ferry::migration
