// SPDX-License-Identifier: Apache-2.0
#include "bench/experiment.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.h"
#include "bench/engine_hosts.h"
#include "bench/machine.h"
#include "bench/ssh_hosts.h"
#include "bench/tcp_stream.h"
#include "bench/ways.h"

namespace ferry::bench {

namespace {

class Experimenter {
 public:
  Experimenter(const Scenario& scenario, const BenchOptions& options, const Progress& progress)
      : scenario_(scenario), options_(options), progress_(progress), ways_(ways_of(scenario)) {
    fill_in_what_is_known();
  }

  Outcome run() {
    try {
      for (const Cell& cell : cells_of(scenario_)) run_cell(cell);
    } catch (const base::Error& stopped) {
      if (stopped.exit() != base::Exit::kCancelled || outcome_.experiment.moves.empty()) throw;
      note("it was interrupted: the rest is missing");
      outcome_.exit = base::Exit::kCancelled;
    }
    progress_.say("taking the hosts down");
    hosts_.reset();
    if (outcome_.experiment.moves.empty()) {
      throw base::Error({"nothing could be measured",
                         outcome_.experiment.notes.empty() ? "" : outcome_.experiment.notes.back(),
                         "",
                         {},
                         {}});
    }
    outcome_.experiment.targets = judge(scenario_.wanted, outcome_.experiment);
    return std::move(outcome_);
  }

 private:
  void fill_in_what_is_known() {
    report::Experiment& experiment = outcome_.experiment;
    experiment.scenario = scenario_.name;
    experiment.description = scenario_.description;
    experiment.command = options_.command;
    experiment.ferry_version = FERRY_VERSION;
    experiment.machine = Machine::look().machine;
    experiment.parameters = parameters_of(scenario_);
    const LoadSpec load = cells_of(scenario_).front().load;
    experiment.load = load.words();
    if (scenario_.connections.size() > 1 || scenario_.idle_connections.size() > 1) {
      experiment.load += ", and as many as varied";
    }
  }

  void note(std::string text) {
    text.erase(text.find_last_not_of(" \n") + 1);
    progress_.say(text);
    auto& notes = outcome_.experiment.notes;
    if (std::ranges::find(notes, text) == notes.end()) notes.push_back(std::move(text));
  }

  // A combination that cannot be tried is left out, and said so; the others are not lost for it.
  void run_cell(const Cell& cell) {
    const std::string what = words(cell);
    if (!fits(cell, what)) return;
    for (int repetition = 1; repetition <= scenario_.repeat; ++repetition) {
      for (const WayMaker& maker : ways_) {
        progress_.say(fmt::format("{}, {} of {}", what, repetition, scenario_.repeat));
        try {
          run_once(cell, repetition, maker);
        } catch (const base::Error& failure) {
          if (failure.exit() == base::Exit::kCancelled) throw;
          hosts_.reset();
          outcome_.exit = base::Exit::kFailed;
          note(fmt::format("{} was left out: {}", what, failure.what()));
          if (failure.exit() == base::Exit::kRefused) return;
        }
      }
    }
  }

  void run_once(const Cell& cell, int repetition, const WayMaker& maker) {
    bring_up(cell);
    const std::unique_ptr<Way> way = maker(*hosts_);
    SessionPlan plan{cell.workload, cell.load, scenario_.moves, scenario_.calm};
    plan.workload.web_counter = options_.program;
    std::optional<double> stream;
    if (scenario_.stream) stream = measure_stream(*hosts_);
    SessionResult result = run_session(*hosts_, plan, *way, progress_);
    for (report::Move& move : result.moves) {
      move.parameters = cell.parameters;
      move.repetition = repetition;
      move.stream_bytes_per_s = stream;
      const bool good = move.result == "moved" && move.state_intact.value_or(true);
      if (!good) outcome_.exit = base::Exit::kFailed;
      outcome_.experiment.moves.push_back(std::move(move));
    }
    if (!result.clean) hosts_.reset();
  }

  bool fits(const Cell& cell, const std::string& what) {
    std::vector<std::string> meminfos;
    uint64_t needed = memory_needed(cell);
    if (real()) {
      bring_up(cell);
      needed /= 2;  // of each of them
      for (const auto& host : {hosts_->roles().source, hosts_->roles().target}) {
        meminfos.push_back(hosts_->check(host, {"cat", "/proc/meminfo"}));
      }
    } else {
      meminfos.push_back(base::read_file("/proc/meminfo"));
    }
    for (const auto& meminfo : meminfos) {
      const uint64_t available = available_memory(meminfo);
      if (needed <= available) continue;
      note(fmt::format("{} was left out: it needs {} of memory, and {} are free", what,
                       base::format_bytes(needed), base::format_bytes(available)));
      return false;
    }
    return true;
  }

  bool real() const { return !options_.source.empty(); }

  void bring_up(const Cell& cell) {
    if (hosts_ && (real() || cell.same_link(link_))) return;
    hosts_.reset();
    hosts_ = real() ? real_hosts() : virtual_hosts(cell);
    link_ = cell;
    report::Experiment& experiment = outcome_.experiment;
    for (auto& link : hosts_->links()) {
      auto& links = experiment.links;
      if (std::ranges::find(links, link) == links.end()) links.push_back(std::move(link));
    }
    if (experiment.hosts.empty()) experiment.hosts = facts_of(*hosts_);
  }

  std::unique_ptr<Hosts> real_hosts() {
    progress_.say(fmt::format("reaching {} and {}", options_.source, options_.target));
    return std::make_unique<SshHosts>(options_.source, options_.target, *options_.address,
                                      options_.wake_fd);
  }

  std::unique_ptr<Hosts> virtual_hosts(const Cell& cell) {
    lab::LabSpec spec;
    spec.layers = options_.layers;
    spec.rate_bytes_per_second = cell.link_bytes_per_second;
    spec.delay = cell.link_delay;
    add_engines(spec, scenario_.engines);
    progress_.say(fmt::format("starting virtual hosts, links {}",
                              link_words(spec.rate_bytes_per_second, spec.delay)));
    auto hosts = std::make_unique<LabHosts>(std::move(spec), options_.wake_fd);
    start_engines(*hosts, scenario_.engines);
    return hosts;
  }

  static std::string words(const Cell& cell) {
    std::string text = cell.workload.kind;
    for (const auto& [name, value] : cell.parameters) text += fmt::format(", {} {}", name, value);
    return text;
  }

  const Scenario& scenario_;
  const BenchOptions& options_;
  const Progress& progress_;
  std::vector<WayMaker> ways_;
  std::unique_ptr<Hosts> hosts_;
  Cell link_;  // with which they are up
  Outcome outcome_;
};

}  // namespace

Outcome run_experiment(const Scenario& scenario, const BenchOptions& options,
                       const Progress& progress) {
  return Experimenter(scenario, options, progress).run();
}

}  // namespace ferry::bench
