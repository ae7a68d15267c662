// SPDX-License-Identifier: Apache-2.0
//
// What podman calls: runc or crun. A container keeps the one that it was made with; with crun comes
// what that one needs of a host, and leaves on it (crun.h).
#pragma once

#include <nlohmann/json.hpp>

#include "runtime/oci.h"

namespace ferry::runtime::podman {

// As `podman inspect` has it: "runc", "crun"; empty: one that ferry cannot ask for a checkpoint.
std::string runtime_of(const nlohmann::json& inspected);
// Why this host cannot checkpoint a container of that runtime.
process::Reasons runtime_reasons(const std::string& runtime);

// Part of a container's definition: what it is to be restored by. And why this host cannot.
void describe_runtime(const std::string& runtime, nlohmann::json& definition);
process::Reasons reasons_against_runtime(const nlohmann::json& definition);

// Of a container that does not run: what its runtime has kept of it when a restore has failed, of
// which podman does not know. Of a container that podman has forgotten nobody tells the runtime:
// then it is what crun would have left.
inline constexpr const char* kUnknownRuntime = "";
void remove_remains(const std::string& runtime, const OciContainer& container);

}  // namespace ferry::runtime::podman
