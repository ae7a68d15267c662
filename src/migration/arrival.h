// SPDX-License-Identifier: Apache-2.0
//
// An arrival whose ferry cannot finish it: it was killed, or its CRIU was. What the journal and the kernel say decides; the answer
// is journalled before it is given, so it never changes.
#pragma once

#include <string>

#include "migration/logbook.h"
#include "migration/wire.pb.h"

namespace ferry::migration {

// What an arrival on this host has come to.
wire::Outcome outcome_here(wire::Outcome::Fate fate, const std::string& text);

// What has become of a copy that was allowed to run (state resuming), CRIU having gone or being ended now. Changes nothing
// else. NEVER_RAN: what is left of it must be killed before anyone is told.
wire::Outcome judge_resuming(const Logbook& book);

// Finishes it: what never ran is removed without a trace, what runs gets its port and its record. The caller holds the workload's
// lock, so no other ferry is at work on it.
wire::Outcome settle_arrival(const Logbook& book);

// The same for the source's question, by the job's name: a receiver that still waits for the grant is ended first (its grant will not
// come any more), one that is just letting the workload run is waited for.
wire::Outcome settle_for_source(const std::string& job);

}  // namespace ferry::migration
