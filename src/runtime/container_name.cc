// SPDX-License-Identifier: Apache-2.0
#include "runtime/container_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "runtime/defining_engine.h"
#include "runtime/oci.h"

namespace ferry::runtime {

namespace {

constexpr size_t kLongestName = 200;  // it becomes part of a file's name

// As docker and podman allow.
bool is_container_name(const std::string& name) {
  const auto fits = [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_' || c == '.'; };
  return !name.empty() && name.size() <= kLongestName && std::isalnum(static_cast<unsigned char>(name[0])) &&
         std::all_of(name.begin(), name.end(), fits);
}

}  // namespace

std::optional<ContainerName> parse_container(const std::string& what) {
  const auto colon = what.find(':');
  if (colon == std::string::npos || what.starts_with("pid:")) return std::nullopt;
  const ContainerName name{what.substr(0, colon), what.substr(colon + 1)};
  if (!Oci::knows(name.engine)) {
    base::refuse(fmt::format("cannot move {}", what),
                 "this version moves containers of docker, podman, runc and crun, processes and `ferry run` workloads only",
                 "name it docker:NAME, podman:NAME, runc:ID or crun:ID, or give a pid or a name that `ferry ps` shows");
  }
  if (!is_container_name(name.name)) {
    base::refuse(fmt::format("cannot move {}", what), fmt::format("\"{}\" cannot be a container's name", name.name),
                 fmt::format("`{} {}` shows the names", name.engine, defining_engine(name.engine) ? "ps" : "list"));
  }
  return name;
}

std::string lock_name(const ContainerName& name) { return fmt::format(".{}-{}", name.engine, name.name); }

}  // namespace ferry::runtime
