// SPDX-License-Identifier: Apache-2.0
#include "bench/summary_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "report/statistics.h"

namespace ferry::bench {

namespace {

using report::Move;

std::string spread_cell(const std::vector<double>& values) {
  if (values.empty()) return "-";
  const report::Spread spread = report::spread_of(values);
  if (spread.count == 1) return in_ms(spread.median);
  return fmt::format("{} ({}–{})", in_ms(spread.median), number_ms(spread.min),
                     number_ms(spread.max));
}

std::string failures_cell(const Group& group) {
  uint64_t errors = 0;
  bool counted = false;
  for (const Move* move : group.moves) {
    counted |= move->errors.has_value();
    errors += move->errors.value_or(0);
  }
  return counted ? std::to_string(errors) : "-";
}

std::string moved_cell(const Group& group) {
  const auto good = [](const Move* move) {
    return move->result == "moved" && move->state_intact.value_or(true);
  };
  return fmt::format("{} of {}", std::ranges::count_if(group.moves, good), group.moves.size());
}

std::string in_words(const report::Comparison& comparison, const Group& a, const Group& b,
                     const char* of_what) {
  using enum report::Verdict;
  const std::string ways = fmt::format("{} of {} against {}", of_what, a.label(true), b.way);
  if (comparison.verdict == kCovered) {
    return fmt::format("{}: the noise covers the difference ({:+.1f} ms, {:+.1f} to {:+.1f})", ways,
                       comparison.difference.value, comparison.difference.low,
                       comparison.difference.high);
  }
  if (!comparison.ratio) return fmt::format("{}: {:+.1f} ms", ways, comparison.difference.value);
  const std::string times = fmt::format("{}: {:.2f} times", ways, comparison.ratio->value);
  if (comparison.verdict == kTooFew) {
    return fmt::format("{} by the medians, but {} and {} moves are too few to tell", times,
                       comparison.count_a, comparison.count_b);
  }
  return fmt::format("{} ({:.2f} to {:.2f} with {:.0f} % confidence)", times, comparison.ratio->low,
                     comparison.ratio->high, 100 * report::kConfidence);
}

}  // namespace

std::string Group::label(bool with_workload) const {
  std::string text = with_workload ? workload + ", " : "";
  for (const auto& [name, value] : parameters) text += fmt::format("{} {}, ", name, value);
  return text + way;
}

std::vector<double> Group::values(std::optional<double> Move::*quantity) const {
  std::vector<double> all;
  for (const Move* move : moves) {
    if (move->result == "moved" && move->*quantity) all.push_back(*(move->*quantity));
  }
  return all;
}

std::vector<Group> groups_of(const report::Experiment& experiment) {
  std::vector<Group> groups;
  for (const Move& move : experiment.moves) {
    auto found = std::ranges::find_if(groups, [&](const Group& group) {
      return group.workload == move.workload && group.way == move.way &&
             group.parameters == move.parameters;
    });
    if (found == groups.end()) {
      groups.push_back({move.workload, move.way, move.parameters, {}});
      found = groups.end() - 1;
    }
    found->moves.push_back(&move);
  }
  return groups;
}

std::string summary_text(const report::Experiment& experiment, const Paint& paint) {
  const auto groups = groups_of(experiment);
  std::set<std::string> workloads;
  for (const Group& group : groups) workloads.insert(group.workload);
  std::vector<Row> rows{{"median (min–max)",
                         {"moved intact", "client's gap", "frozen", "in all", "errors"},
                         Tone::kBold}};
  for (const Group& group : groups) {
    rows.push_back({group.label(workloads.size() > 1),
                    {moved_cell(group), spread_cell(group.values(&Move::client_gap_ms)),
                     spread_cell(group.values(&Move::frozen_ms)),
                     spread_cell(group.values(&Move::total_ms)), failures_cell(group)}});
  }
  std::string text = table(rows, paint);
  for (const auto& finding : findings(groups)) text += "\n" + finding;
  return text + "\n";
}

std::vector<std::string> findings(const std::vector<Group>& groups) {
  std::vector<std::string> found;
  for (const Group& group : groups) {
    const auto first = std::ranges::find_if(groups, [&](const Group& other) {
      return other.workload == group.workload && other.parameters == group.parameters;
    });
    if (&*first == &group) continue;
    auto quantity = &Move::client_gap_ms;
    const char* name = "client's gap";
    if (group.values(quantity).empty() || first->values(quantity).empty()) {
      quantity = &Move::total_ms;
      name = "whole time";
    }
    const auto comparison = report::compare(group.values(quantity), first->values(quantity));
    if (comparison.count_a == 0 || comparison.count_b == 0) continue;
    found.push_back(in_words(comparison, group, *first, name));
  }
  return found;
}

namespace {

std::string target_line(const report::Target& target, const Paint& paint) {
  const std::string value = target.value ? fmt::format("{:.4g}", *target.value) : "unknown";
  const std::string line = fmt::format("{}: {} ({})\n", target.met ? "Met" : "Not met", target.text, value);
  return target.met ? paint.good(line) : paint.bad(line);
}

}  // namespace

std::string verdict_text(const report::Experiment& experiment, const Paint& paint) {
  std::string text;
  std::set<std::string> said;  // a session's moves have one state
  bool lost = false;
  for (const Move& move : experiment.moves) {
    if (move.failure) {
      text += paint.bad(fmt::format("{}, {} → {}, ended as \"{}\": ", move.way, move.source,
                                    move.target, move.result)) +
              fmt::format("{}: {}\n", move.failure->what, move.failure->why);
    }
    if (move.state_intact.value_or(true)) continue;
    lost = true;
    for (const auto& word : move.state_words) {
      if (said.insert(word).second) {
        text += paint.bad(fmt::format("{}: the state is not intact: ", move.way)) + word + "\n";
      }
    }
  }
  if (!lost && !experiment.moves.empty() && experiment.moves.back().state_intact) {
    text += paint.good("State intact: ");
    for (const auto& word : experiment.moves.back().state_words) text += word + ". ";
    text += "\n";
  }
  for (const auto& target : experiment.targets) text += target_line(target, paint);
  for (const auto& note : experiment.notes) text += "Note: " + note + "\n";
  return text;
}

}  // namespace ferry::bench
