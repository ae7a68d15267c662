// SPDX-License-Identifier: Apache-2.0
//
// The JSON form of an Experiment: what `ferry bench --json` prints, what a report embeds, and what
// `ferry bench report` reads back. Fields are named as in experiment.h; a move's quantiles stand
// under `latency`, its failure under `error`, and its timeline in columns, which is a quarter of
// the size.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "report/experiment.h"

namespace ferry::report {

nlohmann::ordered_json to_json(const Experiment& experiment);
nlohmann::ordered_json to_json(const Move& move);
// One line, or indented. Bytes that are no UTF-8 are replaced.
std::string json_text(const nlohmann::ordered_json& json, int indent = -1);

// Throws Error that says which field is wrong, whatever it is given.
Experiment from_json(std::string_view text);

}  // namespace ferry::report
