// SPDX-License-Identifier: Apache-2.0
//
// What a host calls itself.
#pragma once

#include <string>

namespace ferry::migration {

std::string host_name();
std::string boot_id();  // another one after each restart of the kernel
// The same for two processes exactly when a move between them would go nowhere: kernel boot, and the namespaces that
// hold processes and network.
std::string host_id();

}  // namespace ferry::migration
