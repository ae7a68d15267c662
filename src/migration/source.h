// SPDX-License-Identifier: Apache-2.0
//
// The source's half of a move. `run_source` reads like the left column of DESIGN's story:
// prepare, copy, freeze, dump, send, restore (there), commit, grant, bury.
#pragma once

#include <string>
#include <vector>

#include "migration/events.h"
#include "transport/bootstrap.h"

namespace ferry::migration {

struct MoveOptions {
  std::string what;          // a name, a pid, pid:N
  std::string destination;   // [user@]host
  std::string arrival_name;  // for a bare tree; empty: comm-PID
  bool tcp_close = false;    // open connections of a workload without an identity may break
  std::vector<std::string> ssh_options;
  std::optional<transport::PortRange> ports;
  bool tunnel = false;
  int wake_fd = -1;          // readable: cancel, if that is still possible
};

// Never throws for what can go wrong in a move: the report says it (result, error). Throws only on a misuse of the options.
Report run_source(const MoveOptions& options, const Observer& observer);

}  // namespace ferry::migration
