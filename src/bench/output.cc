// SPDX-License-Identifier: Apache-2.0
#include "bench/output.h"

#include <fmt/format.h>

#include "base/error.h"
#include "report/experiment_json.h"

namespace ferry::bench {

void check_output(const base::Path& output) {
  const base::Path directory = std::filesystem::absolute(output).parent_path();
  const auto what = fmt::format("cannot write {}", output.string());
  if (!std::filesystem::is_directory(directory)) {
    base::refuse(what, fmt::format("there is no directory {}", directory.string()));
  }
  if (std::filesystem::is_directory(output)) base::refuse(what, "it is a directory");
}

std::string write_output(const report::Experiment& experiment, const base::Path& output) {
  base::Path json = output;
  json.replace_extension(".json");
  base::replace_file(json, report::json_text(report::to_json(experiment)) + "\n");
  return fmt::format("All of it, as JSON: {}\n", json.string());
}

}  // namespace ferry::bench
