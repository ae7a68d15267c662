// SPDX-License-Identifier: Apache-2.0
//
// A Result as people read it, and its timeline as a table.
#pragma once

#include <string>

#include "load/generator.h"
#include "load/result.h"

namespace ferry::load {

std::string summary(const Result& result);
std::string progress_line(const Progress& progress);
// One line per 10 ms of the run.
std::string timeline_csv(const Result& result);

}  // namespace ferry::load
