// SPDX-License-Identifier: Apache-2.0
//
// What moves between which hosts, as a table for people: made from an experiment, never by hand.
#pragma once

#include <string>

#include "report/experiment.h"

namespace ferry::bench {

// docs/compatibility.md.
std::string compatibility_text(const report::Experiment& experiment);

}  // namespace ferry::bench
