// SPDX-License-Identifier: Apache-2.0
//
// What requirements_check.cc asks of the target's network, in a file of its own.
#pragma once

#include "migration/wire.pb.h"
#include "process/reason.h"

namespace ferry::migration {

// Of a workload without an identity: are its ports free on this host, and its addresses here?
void check_ports(const wire::Requirements& needed, process::Reasons& reasons);
// Is there a bridge for it, and is the address nobody else's? Waits 200 ms for an answer, 50 ms after the workload's own.
process::Reasons identity_reasons(const wire::Identity& told);

}  // namespace ferry::migration
