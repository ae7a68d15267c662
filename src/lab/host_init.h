// SPDX-License-Identifier: Apache-2.0
//
// What runs inside a host as its process 1.
#pragma once

#include "lab/host.h"
#include "lab/life.h"

namespace ferry::lab {

// In the forked child, in its new pid and time namespaces already.
[[noreturn]] void run_host_init(const HostPlan& plan, const LifeTie& tie, base::Fd channel);

}  // namespace ferry::lab
