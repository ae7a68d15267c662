// SPDX-License-Identifier: Apache-2.0
#include "bench/output.h"

#include <fmt/format.h>

namespace ferry::bench {

std::string write_output(const report::Experiment& experiment, const base::Path& output,
                         report::Language language) {
  base::Path json = output;
  json.replace_extension(".json");
  report::write_report(experiment, json, language);
  if (json == output) return fmt::format("All of it, as JSON: {}\n", json.string());
  report::write_report(experiment, output, language);
  return fmt::format("The report: {}   (all of it, as JSON: {})\n", output.string(), json.string());
}

}  // namespace ferry::bench
