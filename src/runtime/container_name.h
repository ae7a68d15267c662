// SPDX-License-Identifier: Apache-2.0
//
// A container as users name it: "docker:web".
#pragma once

#include <optional>
#include <string>

namespace ferry::runtime {

// What a user named: "docker:web" is {"docker", "web"}; anything else has no engine.
struct ContainerName {
  std::string engine, name;
  std::string text() const { return engine + ":" + name; }
};
// Throws Error (refused) for an engine that this version does not know, and for what cannot be a
// container's name.
std::optional<ContainerName> parse_container(const std::string& what);
// Under which it is locked, cancelled and journalled; no workload's name begins with a dot.
std::string lock_name(const ContainerName& name);

}  // namespace ferry::runtime
