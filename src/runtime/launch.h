// SPDX-License-Identifier: Apache-2.0
//
// `ferry run`: a new workload in a capsule, with an address of its own if it is to have one.
#pragma once

#include <string>

#include "base/subprocess.h"
#include "capsule/record.h"
#include "handover/identity.h"

namespace ferry::runtime {

struct LaunchRequest {
  std::string name;
  std::string ip;       // "10.77.0.9/24", "10.77.0.9/24,fd00:77::9/64"; empty: the host's own network
  std::string gateway;  // empty: none
  base::Argv command;
};

bool has_address(const capsule::Record& record, const kernel::IpAddr& address);
// Throws Error (refused) when this host itself or another workload on it has one of the addresses.
void require_free_addresses(const std::string& name, const handover::Identity& identity);

// Throws Error: bad or taken name, taken address, no bridge, a program that cannot be started. Nothing is left then.
capsule::Record launch(const LaunchRequest& request);

}  // namespace ferry::runtime
