// SPDX-License-Identifier: Apache-2.0
//
// Finishing a container's move whose ferry has gone, on either side: what the journal says, and what the engine has.
#pragma once

#include "migration/departure.h"

namespace ferry::migration {

// As settle_departure and settle_arrival (departure.h, arrival.h), for jobs with a ContainerNote. The caller holds the lock.
Resolution settle_container_departure(const Logbook& book, Decision decision);
wire::Outcome settle_container_arrival(const Logbook& book);

}  // namespace ferry::migration
