// SPDX-License-Identifier: Apache-2.0
//
// Moves whose ferry has gone before their end, on this host: found by their journals, and finished as far as anyone can know.
#pragma once

#include <string>
#include <vector>

#include "migration/departure.h"

namespace ferry::migration {

// Finishes one job, or says why not. A ferry that is still at work on it is left alone: the result is then open.
Resolution resolve_job(Role role, const std::string& job, Decision decision);

// All that are unfinished here; `what` (a workload, a pid, a job) chooses among them, empty: all.
std::vector<Resolution> resolve(const std::string& what, Decision decision);

// Post-copy: a job of this workload whose frozen copy here has memory that it needs where it runs. Nothing: there is none.
std::optional<Logbook> find_serving(const std::string& name);

// For a new move or arrival under that lock, which the caller holds: what earlier jobs have left is put right first. Throws Error
// (refused) when one of them is in doubt.
std::vector<Resolution> finish_earlier_jobs(const std::string& lock);

}  // namespace ferry::migration
