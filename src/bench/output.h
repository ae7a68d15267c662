// SPDX-License-Identifier: Apache-2.0
//
// The files that an experiment leaves: JSON, from which all else can be made again, and the report.
#pragma once

#include <string>

#include "base/fd.h"
#include "report/experiment.h"

namespace ferry::bench {

// A path that cannot be written must not cost a whole run. Throws Error (refused).
void check_output(const base::Path& output);

// "x.json": the JSON alone; anything else: the report there and the JSON beside it. Says in words
// what is where.
std::string write_output(const report::Experiment& experiment, const base::Path& output);

}  // namespace ferry::bench
