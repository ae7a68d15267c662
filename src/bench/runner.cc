// SPDX-License-Identifier: Apache-2.0
#include "bench/runner.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "bench/state_check.h"

namespace ferry::bench {

using base::milliseconds;

namespace {

constexpr milliseconds kMoveLimit{120'000};  // 1 s is usual; a real hang must not look like work
constexpr milliseconds kLoadEnds{20'000};    // open requests get a second, its JSON takes little

const lab::LabSpec& announced(const Scenario& scenario, const Progress& progress) {
  progress.say(fmt::format("starting {} virtual hosts: {}", scenario.lab.hosts.size(),
                           fmt::join(scenario.lab.hosts, ", ")));
  return scenario.lab;
}

}  // namespace

bool RunResult::good(size_t moves_wanted) const {
  return moves.size() == moves_wanted && differences.empty() &&
         std::ranges::all_of(moves, &MoveResult::moved);
}

Runner::Runner(const Scenario& scenario, const Progress& progress, int wake_fd)
    : scenario_(scenario),
      progress_(progress),
      hosts_(announced(scenario, progress), wake_fd),
      service_(hosts_, scenario_.workload) {}

RunResult Runner::run() {
  RunResult result;
  start_service();
  result.at_start = service_.ask(asking());
  std::optional<Command> load;
  if (scenario_.load) load = start_load();
  move_along(result);
  if (load) {
    progress_.say("ending the load");
    result.load = end_load(*load);
    const load::Result& seen = *result.load;
    const auto windows =
        windows_of(result.moves, seen.real(seen.start_ns), seen.real(seen.end_ns) + 1);
    for (size_t i = 0; i < windows.size(); ++i) {
      result.moves[i].client = view_of(seen, windows[i]);
    }
  }
  check_state(result);
  progress_.say("taking the hosts down");
  return result;
}

std::string Runner::asking() const {
  return scenario_.load ? scenario_.load->host : scenario_.legs.at(0).to;
}

void Runner::start_service() {
  const Workload& workload = scenario_.workload;
  const std::string& first = scenario_.legs.at(0).from;
  progress_.say(fmt::format("starting {} on {}, at its own address {}:{}", workload.name, first,
                            workload.address, workload.port));
  service_.start(first, asking());
}

Command Runner::start_load() const {
  const Load& load = *scenario_.load;
  progress_.say(fmt::format("{} sends {} requests/s on {} keep-alive connections", load.host,
                            load.rate, load.connections));
  return hosts_.start(load.host,
                      {"ferry", "load-test", service_.url(), "--rate", fmt::format("{}", load.rate),
                       "--connections", fmt::format("{}", load.connections), "--counter", "--json",
                       "--samples", "--until-eof-of-stdin"});
}

load::Result Runner::end_load(Command& load) const {
  const auto ended = load.finish(kLoadEnds);
  if (ended.status == 0) return load::Result::from_json(ended.out);
  throw base::Error({"the load generator failed", ended.err, "", scenario_.load->host, {}});
}

void Runner::move_along(RunResult& result) {
  const auto calm = [this] {
    progress_.say(fmt::format("watching the load for {:.1f} s",
                              static_cast<double>(scenario_.calm.count()) / 1000));
    hosts_.wait(scenario_.calm);
  };
  for (const Leg& leg : scenario_.legs) {
    calm();
    progress_.say(
        fmt::format("moving {} from {} to {}", scenario_.workload.name, leg.from, leg.to));
    result.moves.push_back(move(leg));
    const MoveResult& move = result.moves.back();
    progress_.say(move.moved()
                      ? fmt::format("moved in {}, frozen for {} of it", in_ms(move.report.total_ms),
                                    in_ms(move.report.frozen_ms))
                      : fmt::format("{}: {}", move.report.result, move.report.error.what));
    if (!move.moved()) break;
  }
  calm();
}

MoveResult Runner::move(const Leg& leg) {
  MoveResult move;
  move.workload = scenario_.workload.kind;
  move.leg = leg;
  move.started_ns = base::real_ns();
  const auto ended = hosts_.run(
      leg.from, {"ferry", "move", scenario_.workload.name, "root@" + leg.to, "--json", "-q"},
      kMoveLimit);
  move.ended_ns = base::real_ns();
  if (ended.out.empty()) {
    throw base::Error(
        {fmt::format("ferry move ended without a report (exit code {})", ended.status),
         ended.err,
         "",
         leg.from,
         {}});
  }
  move.report = parse_report(ended.out);
  return move;
}

// The counter is one for the whole run: when a number is lost, no move can be called innocent.
void Runner::check_state(RunResult& result) const {
  progress_.say("asking the service whether it is still the same");
  try {
    result.at_end = service_.ask(asking());
    const auto answers = result.load ? result.load->counter : std::nullopt;
    result.differences =
        differences(result.at_start, result.at_end, answers.value_or(load::CounterReport{}));
  } catch (const base::Error& silent) {
    if (silent.exit() == base::Exit::kCancelled) throw;
    result.differences = {fmt::format("it does not answer any more: {}", silent.what())};
  }
  for (MoveResult& move : result.moves) move.state_intact = result.differences.empty();
}

std::vector<Window> windows_of(const std::vector<MoveResult>& moves, int64_t from_ns,
                               int64_t to_ns) {
  std::vector<Window> windows;
  for (size_t i = 0; i < moves.size(); ++i) {
    const MoveResult& move = moves[i];
    Window window{from_ns, move.started_ns, move.ended_ns, 0, 0, to_ns};
    if (move.moved()) {
      window.frozen_ns = move.report.frozen_real_ns;
      window.resumed_ns = move.report.resumed_real_ns;
    }
    if (i > 0) window.from_ns = windows.back().to_ns;
    if (i + 1 < moves.size()) {
      window.to_ns = move.ended_ns + (moves[i + 1].started_ns - move.ended_ns) / 2;
    }
    windows.push_back(window);
  }
  return windows;
}

}  // namespace ferry::bench
