// SPDX-License-Identifier: Apache-2.0
//
// `ferry run`: a new workload in a capsule, with an address of its own if it is to have one.
#pragma once

#include <string>

#include "base/subprocess.h"
#include "capsule/record.h"
#include "kernel/netlink.h"

namespace ferry::runtime {

struct LaunchRequest {
  std::string name;
  std::string ip;       // "10.77.0.9/24"; empty: the host's own network
  std::string gateway;  // empty: none
  base::Argv command;
};

// Throws Error (refused) when this host itself or another workload on it has the address.
void require_free_address(const std::string& name, const kernel::IpPrefix& address);

// Throws Error: bad or taken name, taken address, no bridge, a program that cannot be started. Nothing is left then.
capsule::Record launch(const LaunchRequest& request);

}  // namespace ferry::runtime
