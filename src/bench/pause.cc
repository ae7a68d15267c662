// SPDX-License-Identifier: Apache-2.0
#include "bench/pause.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>

#include "bench/ferry_way.h"
#include "bench/lab_hosts.h"
#include "report/experiment_json.h"

namespace ferry::bench {

namespace {

using nlohmann::ordered_json;

// The phases from freeze to resume. "commit" holds the journal, the announcement and the resume.
constexpr std::array kPausePhases = {"freeze", "dump", "send", "restore", "commit"};

template <typename Items, typename Value>
report::Spread spread_over(const Items& items, const Value& value) {
  std::vector<double> values;
  for (const auto& item : items) values.push_back(value(item));
  return report::spread_of(std::move(values));
}

bool moved(const report::Move& move) { return move.result == "moved"; }

double phase_of(const report::Move& move, std::string_view name) {
  const auto found = std::ranges::find(move.phases, name, &report::Phase::name);
  return found == move.phases.end() ? 0 : found->ms;
}

// A move that failed has no pause.
template <typename Value>
report::Spread spread_over_moved(const std::vector<report::Move>& moves, const Value& value) {
  std::vector<report::Move> all;
  std::ranges::copy_if(moves, std::back_inserter(all), moved);
  return spread_over(all, value);
}

// Moves and plain CRIU take turns, so that a machine that gets busy slows both. No load: what is
// compared is the fixed cost.
PauseResult measure(const PauseOptions& options) {
  const Progress progress;
  progress.say("starting virtual hosts");
  lab::LabSpec spec;
  spec.layers = options.layers;
  const LabHosts hosts(std::move(spec), options.wake_fd);
  const auto workload = make_workload({"web_counter", 0, {}, options.program}, hosts);
  FerryWay way(hosts, "stop");
  progress.say("starting web_counter");
  way.start(*workload, "east");
  workload->begin(way);
  progress.say("starting the same program without ferry, for CRIU by hand");
  const BareCriu bare(hosts, "east", *workload);
  PauseResult result;
  for (int i = 0; i < options.repeat; ++i) {
    for (const Leg& leg : {Leg{"east", "west"}, Leg{"west", "east"}}) {
      result.moves.push_back(way.move(leg).move);
      result.moves.back().target = leg.to;
      if (!moved(result.moves.back())) return result;
    }
    result.bare.push_back(bare.measure());
    progress.say(fmt::format("{} of {}: frozen {}; CRIU by hand: dump {}, restore {}", i + 1,
                             options.repeat, in_ms(*result.moves.back().frozen_ms),
                             in_ms(result.bare.back().dump_ms),
                             in_ms(result.bare.back().restore_ms)));
  }
  progress.say("taking the hosts down");
  return result;
}

}  // namespace

report::Spread PauseResult::frozen_ms() const {
  return spread_over_moved(moves, [](auto& move) { return move.frozen_ms.value_or(0); });
}
report::Spread PauseResult::phase_ms(std::string_view name) const {
  return spread_over_moved(moves, [&](auto& move) { return phase_of(move, name); });
}
report::Spread PauseResult::bare_dump_ms() const {
  return spread_over(bare, [](auto& times) { return times.dump_ms; });
}
report::Spread PauseResult::bare_restore_ms() const {
  return spread_over(bare, [](auto& times) { return times.restore_ms; });
}
double PauseResult::ratio() const {
  const double alone = bare_dump_ms().median + bare_restore_ms().median;
  return alone > 0 ? frozen_ms().median / alone : 0;
}

std::string pause_text(const PauseResult& result, const Machine& machine, const Paint& paint) {
  std::vector<Row> rows{{"", {"median", "min", "max"}, Tone::kDim}};
  const auto add = [&](std::string label, const report::Spread& spread, Tone tone = Tone::kPlain) {
    rows.push_back(
        {std::move(label), {in_ms(spread.median), in_ms(spread.min), in_ms(spread.max)}, tone});
  };
  const auto count = std::ranges::count_if(result.moves, moved);
  add(fmt::format("frozen ({} moves)", count), result.frozen_ms(), Tone::kBold);
  for (const char* phase : kPausePhases) {
    const bool commit = std::string_view(phase) == "commit";
    add(fmt::format("  {}{}", phase, commit ? " (announce, resume)" : ""), result.phase_ms(phase));
  }
  rows.push_back({});
  rows.push_back({fmt::format("CRIU by hand ({} times)", result.bare.size()), {}, Tone::kBold});
  add("  criu dump", result.bare_dump_ms());
  add("  criu restore", result.bare_restore_ms());
  const std::string verdict = fmt::format("{}: at most {:.1f} is wanted",
                                          result.on_target() ? "met" : "not met", kPauseTarget);
  return fmt::format("{}\n{}\n\n{}\n  frozen / (dump + restore) = {:.2f}   {}\n",
                     paint.bold("The pause of a stop-mode move of the counter service, no load"),
                     machine.line(), table(rows, paint), result.ratio(),
                     result.on_target() ? paint.good(verdict) : paint.bad(verdict));
}

ordered_json to_json(const PauseResult& result, const Machine& machine) {
  ordered_json split;
  for (const char* phase : kPausePhases) split[phase] = to_json(result.phase_ms(phase));
  ordered_json out = {{"scenario", "pause"},
                      {"machine", to_json(machine)},
                      {"frozen_ms", to_json(result.frozen_ms())},
                      {"split_ms", split},
                      {"criu_by_hand",
                       {{"repeats", result.bare.size()},
                        {"dump_ms", to_json(result.bare_dump_ms())},
                        {"restore_ms", to_json(result.bare_restore_ms())}}},
                      {"ratio", rounded(result.ratio())},
                      {"ratio_wanted", kPauseTarget},
                      {"met", result.on_target()},
                      {"moves", ordered_json::array()}};
  for (const report::Move& move : result.moves) out["moves"].push_back(report::to_json(move));
  return out;
}

base::Exit pause(const PauseOptions& options) {
  const Machine machine = Machine::look();
  const PauseResult result = measure(options);
  // Without a single full round there is nothing to compare, only the error below.
  if (options.json && !result.bare.empty()) {
    fmt::print("{}\n", to_json(result, machine).dump(2));
  } else if (!result.bare.empty()) {
    fmt::print("\n{}", pause_text(result, machine, Paint::for_output(STDOUT_FILENO)));
  }
  const report::Move& last = result.moves.back();  // a failed move is the last one
  if (moved(last)) return base::Exit::kDone;
  const report::Failure error = last.failure.value_or(report::Failure{});
  throw base::Error({fmt::format("the move to {} ended as \"{}\"", last.target, last.result),
                     fmt::format("{}: {}", error.what, error.why),
                     error.remedy,
                     error.host,
                     {}});
}

}  // namespace ferry::bench
