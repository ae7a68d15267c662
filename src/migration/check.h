// SPDX-License-Identifier: Apache-2.0
//
// Would a move go? Everything that stands in its way, here and on the target, without touching anything on either side.
#pragma once

#include <string>
#include <vector>

#include "handover/relay_registry.h"
#include "migration/requirements.h"
#include "migration/source.h"

namespace ferry::migration {

struct CheckReport {
  std::string name, source, target;  // target: empty when no host was asked
  process::Reasons own;              // of the workload itself
  process::Reasons there;            // of the target
  std::vector<std::string> warnings;
  process::TcpPolicy tcp = process::TcpPolicy::kKeep;
  size_t connections = 0;            // open TCP connections to others
  uint64_t memory_bytes = 0;         // of the workload
  std::vector<runtime::BindMount> binds;  // that would be sent
  bool can_move() const { return own.empty() && there.empty(); }
};

// Without a destination only the workload itself is looked at. Throws Error when there is no such workload, or when the target
// cannot be reached.
CheckReport check_move(const MoveOptions& options, const Observer& observer);

// It has connections, and the container is to go elsewhere than home.
process::Reason relay_in_the_way(const handover::RelayRecord& relay);

// The source's part of it, which a move also begins with. The workload gets the service address that is to move with it, and its bind
// mounts.
process::Reasons own_reasons(const MoveOptions& options, const process::View& view, const MemoryNeed& memory, runtime::Workload& workload);

// By a move that ended in doubt, or whose ferry was killed.
std::optional<process::Reason> left_frozen(const std::string& what);

// Of the target that is the source: nothing else need be asked then.
process::Reasons to_itself(const std::string& source_id);
// The target's part of it: what a plan is refused by, and what an inquiry is answered with.
Findings look_here(const std::string& name, const std::string& source_id, const wire::Requirements& needed);
Findings look_here(const wire::EngineContainer& container, const std::string& source_id, const wire::Requirements& needed);
wire::ToSource answer_inquiry(const wire::Inquiry& inquiry);

}  // namespace ferry::migration
