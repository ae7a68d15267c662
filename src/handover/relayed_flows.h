// SPDX-License-Identifier: Apache-2.0
//
// At a relay's exit: which flows are relayed, here and in the kernel. What the workload says on one
// of them is led to a TAP; a flow is in the kernel's set before know() returns. Those whose socket
// the workload's network no longer has are forgotten. From any thread, but for tap() and look().
#pragma once

#include <functional>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "handover/ingress_tap.h"
#include "handover/relay_exit.h"
#include "handover/relay_wire.h"
#include "kernel/nftables.h"

namespace ferry::handover {

// A packet just relayed has no socket yet; one just closed may still have something to say.
inline constexpr base::milliseconds kFlowGrace{10'000};
// UDP has no end; as conntrack's nf_conntrack_udp_timeout_stream once was.
inline constexpr base::milliseconds kUdpIdle{180'000};

class RelayedFlows {
 public:
  // In the calling thread's network namespace. Throws SysError.
  RelayedFlows(const std::string& name, const RelayExitPlace& place);

  // Relayed from now on, those that were not yet. False: some are too many (is_known() says which).
  [[nodiscard]] bool know(const std::vector<FlowKey>& keys);
  bool is_known(const FlowKey& key) const;
  // All connections that the workload's network has now, but for those.
  void know_connections(int netns, const std::vector<FlowKey>& but = {});
  std::vector<FlowKey> keys() const;
  // Forgets what has ended, and counts the rest.
  RelayNews look(int netns);

  IngressTap& tap() { return tap_; }
  int link_index() const { return link_index_; }

 private:
  struct Flow {
    base::MonoTime last;
  };
  struct Connections {
    std::vector<FlowKey> all;  // of TCP, whose socket is there in some way
    uint64_t established = 0;  // of which so many are neither about to be nor over
  };
  Connections connections_in(int netns) const;
  bool is_port(uint8_t protocol, uint16_t workload_port) const;

  std::string table_;
  kernel::IpPrefix address_;
  std::vector<PublishedPort> ports_;
  IngressTap tap_;
  int link_index_;
  mutable std::mutex mutex_;  // of all below
  kernel::Nftables tables_;
  std::unordered_map<FlowKey, Flow> flows_;
};

}  // namespace ferry::handover
