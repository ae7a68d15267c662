// SPDX-License-Identifier: Apache-2.0
//
// The table that people look at first: ways side by side.
#include <fmt/format.h>

#include <cmath>

#include "report/quantities.h"
#include "report/table_builder.h"

namespace ferry::report {

void add_identity(GroupTable& table, const Groups& groups, Language language) {
  table.add({std::string(word(language, Word::kWay)), "", false}, [](const Group* group) {
    return Cell{.text = group->any().way, .colour = group->way};
  });
  if (groups.workloads_differ) {
    table.add({std::string(word(language, Word::kWorkload)), "", false},
              [](const Group* group) { return Cell{.text = group->any().workload}; });
  }
  if (groups.engines_differ) {
    table.add({std::string(word(language, Word::kEngine)), "", false},
              [](const Group* group) { return Cell{.text = group->any().engine}; });
  }
  for (const std::string& name : groups.parameters) {
    table.add({name, "", true}, [&](const Group* group) {
      const auto found = group->any().parameters.find(name);
      return Cell{.text = found == group->any().parameters.end() ? "" : found->second};
    });
  }
}

Cell spread_cell(const std::vector<double>& values, Format format) {
  if (values.empty()) return {};
  const Spread spread = spread_of(values);
  Cell cell{.text = format(spread.median)};
  const std::string range = range_text(format(spread.min), format(spread.max));
  if (range != cell.text) cell.range = range;
  return cell;
}

namespace {

// Of whole numbers, but the median of two need not be one.
std::string count_text(double value) {
  return value == std::floor(value) ? text_count(static_cast<uint64_t>(value)) : text_number(value);
}

double largest(const Groups& groups, Measure measure) {
  double most = 0;
  for (const Group& group : groups.all) most = std::max(most, group.spread(measure).median);
  return most;
}

void add_times(GroupTable& table, const Groups& groups, Language language, Word title,
               Measure measure, bool with_bar = false) {
  const double most = with_bar && groups.all.size() > 1 ? largest(groups, measure) : 0;
  table.add({std::string(word(language, title)), "", true}, [&](const Group* group) {
    Cell cell = spread_cell(group->values(measure), text_ms);
    if (most > 0 && !cell.text.empty()) cell.bar = group->spread(measure).median / most;
    return cell;
  });
}

Cell arrived_cell(const Group& group, Language language) {
  const bool all = group.moved.size() == group.moves.size();
  return {.text = words(language, Word::kCountOf, group.moved.size(), group.moves.size()),
          .tone = all ? Tone::kPlain : Tone::kBad};
}

// Failed requests are added up, not averaged: one in ten moves is not none.
Cell errors_cell(const Group& group) {
  uint64_t errors = 0, requests = 0;
  bool known = false;
  for (const Move* move : group.moved) {
    if (!move->errors) continue;
    known = true;
    errors += *move->errors;
    requests += move->requests.value_or(0);
  }
  if (!known) return {};
  Cell cell{.text = text_count(errors), .tone = errors > 0 ? Tone::kBad : Tone::kPlain};
  if (requests > 0) cell.range = "/ " + text_count(requests);
  return cell;
}

Cell state_cell(const Group& group, Language language) {
  size_t intact = 0, checked = 0;
  for (const Move* move : group.moves) {
    if (!move->state_intact) continue;
    ++checked;
    if (*move->state_intact) ++intact;
  }
  if (checked == 0) return {};
  const Tone tone = intact == checked ? Tone::kGood : Tone::kBad;
  if (intact == checked) return {.text = std::string(word(language, Word::kYes)), .tone = tone};
  if (intact == 0) return {.text = std::string(word(language, Word::kNo)), .tone = tone};
  return {.text = words(language, Word::kYesOfAll, intact, checked), .tone = tone};
}

using Part = std::optional<Quantiles> Move::*;

Cell p99_cell(const Group& group, Part part) {
  std::vector<double> values;
  for (const Move* move : group.moved) {
    if ((move->*part) && (move->*part)->p99_ms) values.push_back(*(move->*part)->p99_ms);
  }
  return spread_cell(values, text_ms);
}

void add_latency(GroupTable& table, Language language) {
  const std::string over(word(language, Word::kLatencyP99));
  for (const auto& [title, part] : {std::pair{Word::kBefore, Part(&Move::before)},
                                    {Word::kDuring, Part(&Move::during)},
                                    {Word::kAfter, Part(&Move::after)}}) {
    table.add({std::string(word(language, title)), over, true},
              [part = part](const Group* group) { return p99_cell(*group, part); });
  }
  table.add({std::string(word(language, Word::kWorstLatency)), "", true}, [](const Group* group) {
    return spread_cell(group->values(measure::worst_ms), text_ms);
  });
}

void add_measured(GroupTable& table, Language language, Word title, Measure measure,
                  Format format) {
  table.add({std::string(word(language, title)), "", true},
            [=](const Group* group) { return spread_cell(group->values(measure), format); });
}

}  // namespace

Table headline_table(const Groups& groups, Language language) {
  GroupTable table(pointers(groups));
  add_identity(table, groups, language);
  const auto incomplete = [](const Group& group) {
    return group.moved.size() < group.moves.size();
  };
  if (std::ranges::any_of(groups.all, incomplete)) {
    table.add({std::string(word(language, Word::kArrived)), "", true},
              [&](const Group* group) { return arrived_cell(*group, language); });
  }
  add_times(table, groups, language, Word::kGap, measure::gap_ms, true);
  add_times(table, groups, language, Word::kFrozen, measure::frozen_ms);
  table.add({std::string(word(language, Word::kFailedRequests)), "", true},
            [](const Group* group) { return errors_cell(*group); });
  table.add({std::string(word(language, Word::kState)), "", false},
            [&](const Group* group) { return state_cell(*group, language); });
  add_measured(table, language, Word::kSteps, measure::steps, count_text);
  add_latency(table, language);
  add_times(table, groups, language, Word::kTimeLost, measure::time_lost_ms);
  add_measured(table, language, Word::kBytesSent, measure::bytes_sent, text_bytes);
  add_times(table, groups, language, Word::kTotal, measure::total_ms);
  add_times(table, groups, language, Word::kSettle, measure::settle_ms);
  add_times(table, groups, language, Word::kCpu, measure::cpu_ms);
  add_measured(table, language, Word::kSourceRss, measure::source_rss_bytes, text_bytes);
  add_measured(table, language, Word::kTargetRss, measure::target_rss_bytes, text_bytes);
  return table.take();
}

}  // namespace ferry::report
