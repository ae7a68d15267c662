// SPDX-License-Identifier: Apache-2.0
//
// The hooks by which an engine's daemon gives a container its network (config.json: hooks.prestart
// and createRuntime; docker's "libnetwork-setkey"). A runtime runs them when the container's
// namespaces have been made. Run before the restore instead, they are none of the pause.
#pragma once

#include "runtime/oci.h"

namespace ferry::runtime {

// Into that network namespace. Throws Error with the hook's words.
void run_network_hooks(const OciContainer& container, int netns);

}  // namespace ferry::runtime
