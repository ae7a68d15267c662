// SPDX-License-Identifier: Apache-2.0
//
// A workload in a container of podman on a network of podman's own (netavark, a bridge that only
// containers are on), as most people run one. Its clients come by a published port, to an address
// that the host has besides its own: by hand that address goes to the other host with the
// container, as those who move services so have it; after `ferry move` it stays, and is relayed.
#pragma once

#include "bench/podman_way.h"

namespace ferry::bench {

inline constexpr const char* kPodmanBridge = "podman-bridge";  // as an engine of a scenario

class PodmanBridgeWay : public PodmanWay {
 public:
  explicit PodmanBridgeWay(const Hosts& hosts) : PodmanWay(hosts, kPodmanBridge) {}

 protected:
  base::Argv make_network(const Workload& workload, const std::string& host) const override;
  std::string end_script() const override;
};

// As HandPodman; the container keeps its address on podman's network.
class HandPodmanBridge final : public PodmanBridgeWay {
 public:
  using PodmanBridgeWay::PodmanBridgeWay;
  std::string name() const override { return "podman checkpoint + scp + podman restore (bridge)"; }
  MadeMove move(const Leg& leg) override;
};

using FerryPodmanBridge = MovedByFerry<PodmanBridgeWay>;

// The network, on both hosts the same; made once.
void make_podman_bridges(const Hosts& hosts);

}  // namespace ferry::bench
