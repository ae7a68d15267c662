// SPDX-License-Identifier: Apache-2.0
//
// What of a container a move by podman cannot carry, as `podman inspect` tells of it.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "runtime/podman.h"
#include "runtime/podman_network.h"
#include "runtime/podman_runtime.h"

namespace ferry::runtime {

using nlohmann::json;
using process::Reasons;

namespace {

void add_shared_reasons(const json& found, Reasons& reasons) {
  if (const auto pod = found.value("Pod", ""); !pod.empty()) {
    reasons.push_back({fmt::format("it is in the pod {}", pod.substr(0, 12)),
                       "its network and others of its namespaces are those of the whole pod",
                       "run it outside of a pod to move it"});
  } else if (!found.value("Dependencies", json::array()).empty()) {
    reasons.push_back({"it shares namespaces with another container", "that one would stay here",
                       "give it namespaces of its own"});
  }
  for (auto& reason : podman::network_reasons(found)) reasons.push_back(std::move(reason));
}

void add_file_reasons(const json& found, Reasons& reasons) {
  if (!found.value("Rootfs", "").empty()) {
    reasons.push_back({"it has no image (--rootfs)",
                       "its root filesystem is a directory that belongs to others",
                       "make an image of it"});
  }
}

}  // namespace

Reasons inspected_reasons(const json& inspected) {
  Reasons reasons;
  add_shared_reasons(inspected, reasons);
  add_file_reasons(inspected, reasons);
  const auto runtime = inspected.value("OCIRuntime", "");
  const auto host = inspected.value("HostConfig", json::object());
  if (podman::runtime_of(inspected).empty()) {
    reasons.push_back({fmt::format("podman runs it by {}", runtime),
                       "this version moves those that it runs by runc or crun",
                       "start it by `podman --runtime runc run …`, or say so for all: runtime = "
                       "\"runc\" in the part [engine] of "
                       "/etc/containers/containers.conf"});
  }
  if (host.value("LogConfig", json::object()).value("Type", "") == "passthrough") {
    reasons.push_back({"its output goes to whoever has started it (--log-driver passthrough)",
                       "that one stays here", "use the driver k8s-file or journald"});
  }
  return reasons;
}

}  // namespace ferry::runtime
