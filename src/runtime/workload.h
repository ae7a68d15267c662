// SPDX-License-Identifier: Apache-2.0
//
// What the user named, found on this host: a capsule that ferry runs, or a bare process tree. Either way it ends up as
// a root task with everything that a move needs to know of it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "capsule/record.h"
#include "handover/diversion.h"
#include "handover/gate.h"
#include "handover/host_address.h"
#include "kernel/namespaces.h"
#include "process/tree.h"
#include "runtime/bind_mounts.h"
#include "runtime/container_network.h"
#include "runtime/oci.h"

namespace ferry::runtime {

struct Workload {
  std::string name;                       // also what it will be called at the target
  std::string command;
  kernel::ProcessId root;                 // as this host sees it
  std::optional<capsule::Record> record;  // empty: a bare process tree
  std::optional<handover::Identity> identity;
  std::optional<OciContainer> container;  // an engine's, which drives CRIU (criu/engine_call.h)
  ContainerNetwork network = {};          // of a container; its identity is the one above
  std::vector<BindMount> binds = {};      // of a container

  std::optional<handover::HostAddress> service = {};  // of the host's own network: the address that moves with it

  // With an identity: how that stands on this host's segment.
  handover::Attachment attachment() const;
  // Its connections go where it goes, all of them or those that are relayed.
  bool keeps_connections() const { return identity || service || network.published; }
  // What lets its packets in; none: it has no connections that move.
  std::unique_ptr<handover::Gate> gate() const;
  // With an address that moves: why its packets cannot be led elsewhere (empty: they can), and what does that. Throws SysError.
  std::string why_no_diversion() const;
  std::unique_ptr<handover::Diversion> diversion() const;

  bool is_capsule() const { return record.has_value(); }
  // Made for it alone; a bare tree is put into one for the move.
  bool has_own_cgroup() const { return is_capsule() || container.has_value(); }
  // Of its clocks against the initial time namespace.
  kernel::TimeOffsets time_offsets() const;
};

// `what`: a name, a pid, pid:N, docker:NAME, podman:NAME, runc:ID or crun:ID. `arrival_name` names a bare tree; empty: comm-PID. Throws Error (refused): no such
// process or workload, ended, moved away (and where to).
// `engine_root`: of a container, the state directory of its engine (Oci); empty: the usual one.
Workload find_workload(const std::string& what, const std::string& arrival_name = {}, const std::string& engine_root = {});

// The record of a workload that is or was here. Throws Error (refused) when there is none, or that it moved, and where to.
capsule::Record require_here(const std::string& name);

bool is_pid(const std::string& what);  // a pid, or pid:N

// The name under which `what` is locked, cancelled and journalled.
std::string lock_name(const std::string& what);

// The identity that a record remembers; nothing for a workload on the host's own network.
std::optional<handover::Identity> identity_of(const capsule::Record& record);

}  // namespace ferry::runtime
