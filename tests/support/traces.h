// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "support/lab.h"

namespace ferry::testing {

// All that a move could leave behind on a host, as text of one line each: images, cgroups, links, addresses, routes, neighbours that do
// not age, mounts, namespaces, processes, workloads, staged files, firewall rules. Without pids and times, so that it compares.
std::string traces_on(const Lab& lab, const std::string& host);

}  // namespace ferry::testing
