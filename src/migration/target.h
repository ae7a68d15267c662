// SPDX-License-Identifier: Apache-2.0
//
// The target's half of a move: makes the capsule, takes images and files, has CRIU build the tasks, and lets them run when (and
// only when) the source has committed. Whatever fails before that, nothing of it stays.
#pragma once

#include "transport/bootstrap.h"

namespace ferry::migration {

// Serves one move to its end; true when the workload runs here. Failures are told to the source, not thrown.
bool run_target(transport::Accepted& source);

}  // namespace ferry::migration
