// SPDX-License-Identifier: Apache-2.0
//
// What is to move, found out at the source, and as the wire says it.
#pragma once

#include <string>
#include <vector>

#include "handover/gone_connections.h"
#include "migration/conversation.h"
#include "migration/dump.h"
#include "migration/memory_need.h"
#include "migration/source.h"
#include "migration/state_cost.h"
#include "process/connections.h"
#include "process/view.h"
#include "runtime/workload.h"

namespace ferry::migration {

// A container's engine at the target, where that is to be another one than is usual there.
struct EngineThere {
  std::string root;                      // its state directory; empty: as usual
  std::vector<std::string> environment;  // runtime/engine_environment.h
};
EngineThere engine_there(const MoveOptions& options);

struct Subject {
  runtime::Workload workload;
  EngineThere engine_there;        // of a container
  process::View view;              // when it was found
  std::vector<std::string> files;  // that it has open for writing: they travel along
  MemoryNeed memory;
  StateOptions state;
  std::vector<process::InetSocket> connections;  // open TCP connections to others

  StateSize state_size() const { return {view.tree.pids.size(), connections.size()}; }
};

// Throws Error (refused) when it is not there or cannot move, with every reason in the workload itself.
Subject find_subject(const MoveOptions& options);

// The target's clocks minus ours: half of the shortest of several round trips is the error.
kernel::TimeOffsets measure_clocks(Conversation& conversation);

wire::Plan make_plan(const Subject& subject, const std::string& job, const kernel::TimeOffsets& target_ahead);

wire::EngineContainer to_wire(const runtime::Workload& workload, const EngineThere& there);  // of a container
void describe_address(const runtime::Workload& workload, wire::Identity& told);
void describe(const std::vector<process::SocketSettings>& sockets, wire::Restore& told);
process::SocketSettings settings_from(const wire::SocketSettings& told);
// What the target makes of it.
handover::Identity identity_from(const wire::Identity& told);
std::vector<handover::Flow> ended_from(const wire::Plan& plan);
std::vector<handover::KnownNeighbour> neighbours_from(const google::protobuf::RepeatedPtrField<wire::Neighbour>& told);

}  // namespace ferry::migration
