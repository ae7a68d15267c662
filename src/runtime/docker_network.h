// SPDX-License-Identifier: Apache-2.0
//
// A docker network by which containers are reached by name: of which kind it is at the source, and
// whether the same can be made on another host, which has none of that name yet.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "kernel/netlink.h"
#include "process/reason.h"

namespace ferry::runtime::docker {

// Of an answer to GET /networks/NAME: what POST /networks/create takes. Nothing of that host's own.
nlohmann::json portable_network(const nlohmann::json& inspect);

// What stands on this host that a network may need.
struct HostLinks {
  std::vector<kernel::Link> links;
  std::vector<kernel::Address> addresses;
};

// Why it cannot be made on a host with these links; empty: it can, and then `network` is as it is
// to be made there: on a bridge that is there already, with that one's own address as its gateway.
process::Reasons reasons_not_to_make(nlohmann::json& network, const HostLinks& here);

}  // namespace ferry::runtime::docker
