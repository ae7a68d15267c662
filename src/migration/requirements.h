// SPDX-License-Identifier: Apache-2.0
//
// What the target must have for a workload to go on there: described at the source, compared at the target before anything is
// touched on either side. Every reason is told at once.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "migration/memory_need.h"
#include "migration/wire.pb.h"
#include "process/reason.h"
#include "process/view.h"
#include "runtime/workload.h"

namespace ferry::migration {

// At the source. `carried`: the files that travel along.
wire::Requirements gather_requirements(const runtime::Workload& workload, const process::View& view,
                                       const std::vector<std::string>& carried, const MemoryNeed& memory);

struct Findings {
  process::Reasons reasons;
  std::vector<std::string> warnings;  // it will go, but
};

// At the target. `own`: files here that the workload left behind when it was here before; it may replace those. Takes 50 to 200 ms with an identity (the address probe), else a few ms besides CRIU's start.
Findings check_requirements(const wire::Requirements& needed, const std::vector<std::string>& own = {});

// Throws Error (refused) that tells all of them, when there are any.
void refuse_if_any(const std::string& workload, const process::Reasons& reasons);

process::Reason reason_of(const base::Explanation& explanation);
// In words, as a refusal and `ferry check` print them.
std::string text_of(const process::Reason& reason);

}  // namespace ferry::migration
