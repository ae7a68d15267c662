// SPDX-License-Identifier: Apache-2.0
#include "runtime/podman_runtime.h"

#include "runtime/crun.h"

namespace ferry::runtime::podman {

using nlohmann::json;
using process::Reasons;

namespace {

constexpr const char* kRuntime = "Runtime";  // in a definition
constexpr const char* kVersion = "RuntimeVersion";

}  // namespace

std::string runtime_of(const json& inspected) {
  const auto name = base::Path(inspected.value("OCIRuntime", "")).filename().string();
  return name == "runc" || name == "crun" ? name : "";
}

Reasons runtime_reasons(const std::string& runtime) {
  return runtime == "crun" ? Crun().host_reasons() : Reasons{};
}

void describe_runtime(const std::string& runtime, json& definition) {
  definition[kRuntime] = runtime;
  definition[kVersion] = oci_engine(runtime)->version();
}

Reasons reasons_against_runtime(const json& definition) {
  const auto runtime = definition.value(kRuntime, "");
  if (runtime != "crun") return {};  // that of podman's own package
  auto reasons = runtime_reasons(runtime);
  for (auto& reason : Crun().version_reasons(definition.value(kVersion, ""), definition))
    reasons.push_back(std::move(reason));
  return reasons;
}

void remove_remains(const std::string& runtime, const OciContainer& container) {
  if (runtime != "crun" && runtime != kUnknownRuntime) return;
  OciContainer its = container;
  its.engine = "crun";
  its.runtime = {};
  Crun().remove(its);
}

}  // namespace ferry::runtime::podman
