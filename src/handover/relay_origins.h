// SPDX-License-Identifier: Apache-2.0
//
// At a relay's entrance: where each flow comes from, which is where its answers go. Learned from
// the packets themselves, so no route and no neighbour is looked up. A workload may speak before
// its client has said anything since the move: then the host's own tables say where it most likely
// is. Any thread.
#pragma once

#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "handover/relay_packet.h"

namespace ferry::handover {

struct Origin {
  RelayAddress host;  // as the client calls the workload
  size_t tap = 0;     // of the entrance: the interface
  kernel::MacAddr client, here;
  bool is_guessed = false;
};

class Origins {
 public:
  // False: the flow is another one's (see relay.h), or they are too many.
  [[nodiscard]] bool learn(const FlowKey& key, const Origin& origin);
  std::optional<Origin> find(const FlowKey& key) const;
  void forget(const std::vector<FlowKey>& keys);

 private:
  mutable std::mutex mutex_;
  std::unordered_map<FlowKey, Origin> flows_;
};

// On one of `links`, by the calling thread's network namespace; nothing: it does not know either.
// `here`: as the client calls the workload, where that is known; else `origin.host` has an address
// only.
std::optional<Origin> guess_origin(const kernel::Netlink& host, uint32_t client,
                                   const std::vector<std::string>& links,
                                   std::optional<RelayAddress> here);

}  // namespace ferry::handover
