// SPDX-License-Identifier: Apache-2.0
//
// A docker container's configuration, as `docker inspect` tells it: what of it keeps the container from moving, what it asks of
// another host, and the request that makes the same container there.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "handover/identity.h"
#include "handover/relay.h"
#include "process/reason.h"
#include "runtime/oci.h"

namespace ferry::runtime::docker {

// Of an object; empty: it has none, or null.
std::string text(const nlohmann::json& object, const char* key);

// Of an inspect answer: what create_request() needs, nothing of this host's own (ids, paths of its data).
nlohmann::json portable_configuration(const nlohmann::json& inspect);

// The addresses and the MAC of what moves with its address, on the network that it is attached to.
void pin_address(nlohmann::json& configuration, const handover::Identity& identity);

// What would not come along.
process::Reasons blockers(const nlohmann::json& inspect);

// The body of POST /containers/create. It is not to be restarted by anyone: the policy is set once it runs.
nlohmann::json create_request(const nlohmann::json& configuration, const std::string& image);
nlohmann::json restart_policy(const nlohmann::json& configuration);
// The same as OciContainer has it; empty: nobody restarts it.
std::string restarts_of(const nlohmann::json& configuration);

// Those that have a name. (The others come into being with the container, each at its place.)
std::vector<std::string> named_volumes(const nlohmann::json& configuration);
// The answer to GET /containers/json: running ones, paused or about to be restarted included.
std::vector<OciListed> listing(const nlohmann::json& containers);
// Of this host, which lead to it while it runs; of IPv4.
std::vector<handover::PublishedPort> published_ports(const nlohmann::json& inspect);
// Networks by name, without those that every daemon has.
std::vector<std::string> networks(const nlohmann::json& configuration);

}  // namespace ferry::runtime::docker
