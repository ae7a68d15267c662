// SPDX-License-Identifier: Apache-2.0
//
// podman's own networks (`podman network`): whether a container on them can go along, and how the
// same network is made on another host, which has none of that name yet.
#pragma once

#include <nlohmann/json.hpp>

#include "base/subprocess.h"
#include "process/reason.h"

namespace ferry::runtime::podman {

// By `podman inspect` of a container: podman makes its network, with a bridge or a driver of that
// network's; and why such a one cannot go along.
bool is_on_networks(const nlohmann::json& inspected);
process::Reasons network_reasons(const nlohmann::json& inspected);

// Of `podman network inspect`: what `podman network create` is told. Nothing of that host's own.
nlohmann::json portable_network(const nlohmann::json& inspected);
// Why ferry cannot make it; empty: it can, by that command.
process::Reasons reasons_not_to_make(const nlohmann::json& network);
base::Argv create_command(const nlohmann::json& network);

}  // namespace ferry::runtime::podman
