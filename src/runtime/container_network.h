// SPDX-License-Identifier: Apache-2.0
//
// The network of a container, as its config.json has it and as it is: this host's, a namespace of
// its own without a name, or one with a name (linux.namespaces: type "network" with a path), which
// somebody has made for it with `ip netns`.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "handover/identity.h"
#include "handover/relay.h"
#include "process/connections.h"
#include "process/reason.h"
#include "runtime/oci.h"

namespace ferry::runtime {

// Of a container on a bridge that leads nowhere else, which is reached by ports of this host.
struct PublishedNetwork {
  handover::Identity inside;  // of this host only: on another one it has another address
  handover::Attachment attachment;
  std::vector<handover::PublishedPort> ports;

  // Whoever is connected has come by one of the ports, from outside.
  bool leads_to(const process::InetSocket& connection) const;
};

struct ContainerNetwork {
  std::optional<handover::Identity> identity;  // nothing: this host's network, or none
  handover::Attachment attachment;             // with an identity
  std::optional<PublishedNetwork> published;   // instead of one
  base::Path name;                             // empty: it has none, or one of its engine's own
  // Nameless, and at the target made before CRIU comes: it is none of CRIU's business.
  bool is_given = false;
  bool has_loopback = false;                   // that is up, in a network of its own
  process::Reasons reasons;                    // why it cannot go along
};

// Throws Error.
ContainerNetwork network_of(pid_t root, const OciContainer& container);

// The path of its network namespace; empty: none is named, or it is one of some process.
base::Path network_name(const nlohmann::json& configuration);

// Some process outside of the container's pid namespace that is in that network; 0: none. Those who
// merely hold it are not seen.
pid_t guest_of(uint64_t network, uint64_t pids_of_container);

}  // namespace ferry::runtime
