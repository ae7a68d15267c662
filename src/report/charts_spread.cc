// SPDX-License-Identifier: Apache-2.0
//
// Distributions and sweeps: charts of many moves.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/charts.h"
#include "report/findings.h"
#include "report/quantities.h"

namespace ferry::report {

using nlohmann::ordered_json;

namespace {

// A quantile q stands at -log10(1 - q): 90 %, 99 %, 99.9 % are as far from each other as they are
// rare.
constexpr double kStep = 0.05;
constexpr double kMostNines = 6;

using Classes = std::map<double, uint64_t>;

Classes classes_of(const Group& group, std::optional<Quantiles> Move::*part) {
  Classes sum;
  for (const Move* move : group.moved) {
    if (!(move->*part)) continue;
    for (const auto& [ms, count] : (move->*part)->classes) sum[ms] += count;
  }
  return sum;
}

// The latency at each step; none where there are too few requests to know.
ordered_json curve(const Classes& classes) {
  uint64_t total = 0;
  for (const auto& [_, count] : classes) total += count;
  auto out = ordered_json::array();
  if (total == 0) return out;
  auto at = classes.begin();
  uint64_t below = at->second;
  for (int i = 0; i * kStep <= kMostNines; ++i) {
    const double slower = std::pow(10, -i * kStep) * static_cast<double>(total);
    if (slower < 0.5) break;
    while (static_cast<double>(total - below) > slower - 0.5 && std::next(at) != classes.end()) {
      below += (++at)->second;
    }
    out.push_back(at->first);
  }
  return out;
}

bool has_any(const std::vector<double>& values) { return !values.empty(); }

}  // namespace

void add_distributions(std::vector<Chart>& charts, const Groups& groups, Language language) {
  for (const Group& group : groups.all) {
    auto lines = ordered_json::array();
    std::vector<std::pair<std::string, std::string>> legend;
    int index = 0;
    for (const auto& [title, part] : {std::pair{Word::kBefore, &Move::before},
                                      {Word::kDuring, &Move::during},
                                      {Word::kAfter, &Move::after}}) {
      const std::string colour = fmt::format("var(--time-{})", index++);
      auto points = curve(classes_of(group, part));
      if (points.empty()) continue;
      lines.push_back(
          {{"label", word(language, title)}, {"colour", colour}, {"points", std::move(points)}});
      legend.emplace_back(word(language, title), colour);
    }
    if (lines.empty()) continue;
    ordered_json data = {{"kind", "distribution"},
                         {"step", kStep},
                         {"lines", std::move(lines)},
                         {"axis", word(language, Word::kAxisQuantile)}};
    charts.push_back({Place::kDistribution, group.label, std::move(data), std::move(legend)});
  }
}

namespace {

ordered_json sweep_line(const Series& series, Measure measure) {
  const auto& values = series.parameter->values;
  auto middle = ordered_json::array(), low = middle, high = middle;
  for (const std::string& value : values) {
    const auto found = std::ranges::find_if(series.groups, [&](const Group* group) {
      return group->any().parameters.at(series.parameter->name) == value;
    });
    const Spread spread = found == series.groups.end() ? Spread{} : (*found)->spread(measure);
    const bool known = spread.count > 0;
    middle.push_back(known ? ordered_json(spread.median) : ordered_json());
    low.push_back(known ? ordered_json(spread.min) : ordered_json());
    high.push_back(known ? ordered_json(spread.max) : ordered_json());
  }
  return {{"label", series.label},
          {"colour", way_colour(series.groups.front()->way)},
          {"median", middle},
          {"low", low},
          {"high", high}};
}

}  // namespace

void add_sweeps(std::vector<Chart>& charts, const Groups& groups, Language language) {
  const std::vector<Series> all = series_of(groups);
  for (const Parameter& parameter : groups.experiment.parameters) {
    if (parameter.numbers.empty()) continue;  // a line between names would claim something between them
    for (const auto& [title, measure] : {std::pair{Word::kGap, &measure::gap_ms},
                                         {Word::kFrozen, &measure::frozen_ms},
                                         {Word::kTotal, &measure::total_ms},
                                         {Word::kBytesSent, &measure::bytes_sent}}) {
      auto lines = ordered_json::array();
      std::vector<std::pair<std::string, std::string>> legend;
      for (const Series& series : all) {
        if (series.parameter != &parameter) continue;
        const auto known = std::ranges::count_if(
            series.groups, [&](const Group* g) { return has_any(g->values(measure)); });
        if (known < 2) continue;
        lines.push_back(sweep_line(series, measure));
        legend.emplace_back(series.label, way_colour(series.groups.front()->way));
      }
      if (lines.empty()) continue;
      ordered_json data = {{"kind", "sweep"},
                           {"parameter", parameter.name},
                           {"values", parameter.values},
                           {"numbers", parameter.numbers},
                           {"unit", title == Word::kBytesSent ? "bytes" : "ms"},
                           {"lines", std::move(lines)}};
      charts.push_back({Place::kSweep,
                        words(language, Word::kChartOf, word(language, title), parameter.name),
                        std::move(data), std::move(legend)});
    }
  }
}

}  // namespace ferry::report
