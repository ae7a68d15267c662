// SPDX-License-Identifier: Apache-2.0
//
// A docker container's configuration, as `docker inspect` tells it: what of it keeps the container from moving, what it asks of
// another host, and the request that makes the same container there.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "process/reason.h"

namespace ferry::runtime::docker {

// Of an inspect answer: what create_request() needs, nothing of this host's own (ids, paths of its data).
nlohmann::json portable_configuration(const nlohmann::json& inspect);

// What docker cannot checkpoint, or what would not come along.
process::Reasons blockers(const nlohmann::json& inspect);

// The body of POST /containers/create. It is not to be restarted by anyone: the policy is set once it runs.
nlohmann::json create_request(const nlohmann::json& configuration, const std::string& image);
nlohmann::json restart_policy(const nlohmann::json& configuration);

// On every network that it is attached to.
bool has_fixed_address(const nlohmann::json& configuration);

std::vector<std::string> bind_sources(const nlohmann::json& configuration);  // paths of the host
// Networks by name, without those that every daemon has.
std::vector<std::string> networks(const nlohmann::json& configuration);

// From docker's words of a checkpoint or restore that CRIU failed: what it says, and the log that it names.
struct CriuFailure {
  std::string said, log;
};
std::optional<CriuFailure> criu_failure_in(const std::string& words);

}  // namespace ferry::runtime::docker
