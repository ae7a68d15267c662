// SPDX-License-Identifier: Apache-2.0
//
// The files that an experiment leaves: the report, and the JSON from which all else can be made
// again.
#pragma once

#include <string>

#include "report/report.h"

namespace ferry::bench {

// The report as the extension of `output` says (report/report.h), and the JSON beside it. Gives in
// words what is where.
std::string write_output(const report::Experiment& experiment, const base::Path& output,
                         report::Language language);

}  // namespace ferry::bench
