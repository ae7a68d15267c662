// SPDX-License-Identifier: Apache-2.0
#include "bench/demo.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "bench/demo_text.h"
#include "bench/machine.h"
#include "bench/numbers.h"
#include "bench/runner.h"

namespace ferry::bench {

namespace {

using nlohmann::ordered_json;

Scenario scenario_of(const DemoOptions& options) {
  Scenario scenario;
  scenario.name = "demo";
  scenario.lab.layers = options.layers;
  scenario.workload.program = options.program.empty() ? default_counter_program() : options.program;
  scenario.load = Load{};
  scenario.legs = {{"east", "west"}, {"west", "east"}};
  return scenario;
}

// A path that cannot be written must not cost a whole run.
void check_output(const base::Path& output) {
  const base::Path directory = std::filesystem::absolute(output).parent_path();
  const auto what = fmt::format("cannot write {}", output.string());
  if (!std::filesystem::is_directory(directory)) {
    base::refuse(what, fmt::format("there is no directory {}", directory.string()));
  }
  if (std::filesystem::is_directory(output)) base::refuse(what, "it is a directory");
}

ordered_json load_json(const load::Result& load) {
  ordered_json out = {
      {"rate", load.setup.rate},
      {"connections", load.setup.connections},
      {"requests", load.due},
      {"answered", load.ok()},
      {"errors", load.errors()},
      {"connects", load.connects},
      {"generator_lag_p99_ms", rounded(static_cast<double>(load.lag.quantile(0.99)) / 1e6)}};
  if (load.counter) {
    out["counter"] = {
        {"first", load.counter->first},         {"last", load.counter->last},
        {"received", load.counter->received},   {"repeated", load.counter->repeated},
        {"backwards", load.counter->backwards}, {"unaccounted", load.counter->unaccounted}};
  }
  return out;
}

ordered_json json_of(const RunResult& result, const Machine& machine) {
  ordered_json out = {{"scenario", "demo"}, {"machine", to_json(machine)}};
  out["moves"] = ordered_json::array();
  for (const MoveResult& move : result.moves) out["moves"].push_back(to_json(move));
  if (result.load) out["load"] = load_json(*result.load);
  out["state"] = {{"intact", result.differences.empty()},
                  {"differences", result.differences},
                  {"id", result.at_end.id},
                  {"value", result.at_end.value},
                  {"worst_step_ms", rounded(result.at_end.worst_step_ms)}};
  return out;
}

}  // namespace

base::Exit demo(const DemoOptions& options) {
  const Scenario scenario = scenario_of(options);
  const Machine machine = Machine::look();
  check_output(options.output);
  const Progress progress;
  const RunResult result = Runner(scenario, progress, options.wake_fd).run();
  base::replace_file(options.output, json_of(result, machine).dump(2) + "\n");
  progress.say("done");
  const Paint paint = Paint::for_output(STDOUT_FILENO);
  fmt::print("\n{}{}", demo_text(scenario, result, machine, paint),
             what_next(options.output, paint));
  return result.good(scenario.legs.size()) ? base::Exit::kDone : base::Exit::kFailed;
}

}  // namespace ferry::bench
