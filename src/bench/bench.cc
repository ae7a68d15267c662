// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <cstdio>

#include "base/fd.h"
#include "bench/detail_text.h"
#include "bench/engine_hosts.h"
#include "bench/experiment.h"
#include "bench/output.h"
#include "bench/scenario_file.h"
#include "bench/summary_text.h"
#include "bench/ways.h"
#include "report/experiment_json.h"

namespace ferry::bench {

namespace {

void usage(std::string why, std::string remedy = {}) {
  throw base::Error({"cannot run the experiment", std::move(why), std::move(remedy), {}, {}},
                    base::Exit::kUsage);
}

void check_hosts(const BenchOptions& options, const Scenario& scenario) {
  const bool real = !options.source.empty();
  if (real == options.target.empty()) usage("--source and --target go together");
  if (real != options.address.has_value()) {
    usage("real hosts and --address go together",
          "--address is a free one of the hosts' network, for the workload: 192.168.1.50/24");
  }
  if (!real) return;
  if (scenario.engines != std::vector<std::string>{kProcess}) {
    usage("the scenario runs containers, whose engines are set up on virtual hosts only", "leave out --source and --target");
  }
  if (!scenario.link_bytes_per_second.empty() || !scenario.link_delay.empty()) {
    usage("the scenario sets links, and those of real hosts are what they are",
          "without --source and --target it runs on virtual hosts");
  }
}

Scenario scenario_of(const BenchOptions& options) {
  Scenario scenario = load_scenario(options.scenario);
  if (options.repeat) scenario.repeat = *options.repeat;
  if (options.moves) scenario.moves = *options.moves;
  if (!options.modes.empty()) scenario.modes = modes_from(options.modes);
  if (!options.baselines.empty()) scenario.baselines = baselines_from(options.baselines);
  if (scenario.modes.empty() && scenario.baselines.empty()) {
    usage("neither a mode nor a baseline is left");
  }
  if (ways_of(scenario).empty()) {
    usage(fmt::format("no baseline of {} moves what runs by {}", fmt::join(scenario.baselines, ", "), fmt::join(scenario.engines, ", ")),
          "\"native\" is that of containers, \"criu\" and \"criu-lazy\" those of processes");
  }
  check_hosts(options, scenario);
  return scenario;
}

std::string text_of(const report::Experiment& experiment, const Paint& paint) {
  const auto& machine = experiment.machine;
  std::string text =
      paint.bold(experiment.scenario + ": " + experiment.description) + "\n" +
      fmt::format("Linux {}, {} cores; {}\n\n", machine.kernel, machine.cores, experiment.load);
  text += experiment.moves.size() <= kMostInDetail ? detail_text(experiment, paint)
                                                   : summary_text(experiment, paint);
  return text + "\n" + verdict_text(experiment, paint);
}

}  // namespace

base::Exit present(const Outcome& outcome, const BenchOptions& options, const Progress& progress) {
  std::string written;
  if (!options.output.empty()) {
    written = write_output(outcome.experiment, options.output, options.language);
  }
  progress.say("done");
  if (options.json) {
    fmt::print("{}\n", report::json_text(report::to_json(outcome.experiment), 2));
    return outcome.exit;
  }
  fmt::print("\n{}", text_of(outcome.experiment, Paint::for_output(STDOUT_FILENO)));
  if (!written.empty()) fmt::print("\n{}", written);
  return outcome.exit;
}

base::Exit bench(const BenchOptions& options) {
  const Scenario scenario = scenario_of(options);
  if (!options.output.empty()) report::check_report_path(options.output);
  const Progress progress;
  return present(run_experiment(scenario, options, progress), options, progress);
}

}  // namespace ferry::bench
