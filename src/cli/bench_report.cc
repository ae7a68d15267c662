// SPDX-License-Identifier: Apache-2.0
//
// `ferry bench report`: the result of an experiment, kept as JSON, as a page, a written report or a
// table.
#include <fmt/format.h>

#include <memory>

#include "cli/verbs.h"
#include "report/report.h"

namespace ferry::cli {

void add_bench_report(CLI::App& bench) {
  struct Arguments {
    std::string result, output = "report.html", language = "en";
  };
  auto arguments = std::make_shared<Arguments>();
  auto* verb = bench.add_subcommand("report", "shows the result of an experiment that was kept");
  verb->add_option("RESULT", arguments->result, "what \"ferry bench … -o RESULT.json\" wrote")
      ->required();
  verb->add_option("-o,--output", arguments->output,
                   "where it goes; .html, .md, .json, .csv or .timeline.csv says as what")
      ->capture_default_str();
  verb->add_option("--lang", arguments->language, "language of the report: en or zh")
      ->check(CLI::IsMember({"en", "zh"}))
      ->capture_default_str();
  verb->callback([arguments] {
    report::check_report_path(arguments->output);
    const report::Experiment experiment = report::read_experiment(arguments->result);
    report::write_report(experiment, arguments->output,
                         report::parse_language(arguments->language));
    fmt::print("{}\n", arguments->output);
  });
}

}  // namespace ferry::cli
