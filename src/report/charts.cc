// SPDX-License-Identifier: Apache-2.0
//
// Timelines and rounds: charts of one move each.
#include "report/charts.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/quantities.h"

namespace ferry::report {

using nlohmann::ordered_json;

namespace {

constexpr size_t kWayColours = 8;
constexpr ptrdiff_t kPhaseColours = 10;
constexpr ptrdiff_t kCalmColours = 4;

ordered_json phases_json(const Move& move, const PhaseColours& colours, Language language) {
  auto phases = ordered_json::array();
  for (const Phase& phase : move.phases) {
    phases.push_back({{"name", name_word(language, NameOf::kPhase, phase.name)},
                      {"start", phase.start_ms},
                      {"ms", phase.ms},
                      {"frozen", phase.frozen},
                      {"colour", colours.of(phase.name)}});
  }
  return phases;
}

std::vector<std::pair<std::string, std::string>> phase_legend(const Move& move,
                                                              const PhaseColours& colours,
                                                              Language language) {
  std::vector<std::pair<std::string, std::string>> legend;
  for (const Phase& phase : move.phases) {
    legend.emplace_back(
        fmt::format("{} {}", name_word(language, NameOf::kPhase, phase.name), text_ms(phase.ms)),
        colours.of(phase.name));
  }
  return legend;
}

}  // namespace

std::string way_colour(size_t way) { return fmt::format("var(--way-{})", way % kWayColours); }

PhaseColours::PhaseColours(const Groups& groups) {
  const auto collect = [&](bool frozen, std::vector<std::string>& names) {
    for (const Move& move : groups.experiment.moves) {
      for (const Phase& phase : move.phases) {
        if (phase.frozen != frozen || std::ranges::find(names, phase.name) != names.end()) continue;
        names.push_back(phase.name);
      }
    }
  };
  collect(true, frozen_);
  collect(false, calm_);
}

std::string PhaseColours::of(const std::string& phase) const {
  const auto frozen = std::ranges::find(frozen_, phase);
  if (frozen != frozen_.end()) {
    return fmt::format("var(--phase-{})", (frozen - frozen_.begin()) % kPhaseColours);
  }
  const auto calm = std::ranges::find(calm_, phase);
  return fmt::format("var(--calm-{})", (calm - calm_.begin()) % kCalmColours);
}

void add_timelines(std::vector<Chart>& charts, const Groups& groups, Language language) {
  const PhaseColours colours(groups);
  for (const Group& group : groups.all) {
    const Move& move = group.typical();
    if (move.timeline.empty()) continue;
    ordered_json data = {{"kind", "timeline"},
                         {"move", groups.index_of(move)},
                         {"phases", phases_json(move, colours, language)},
                         {"latency", word(language, Word::kAxisLatency)},
                         {"throughput", word(language, Word::kAxisThroughput)},
                         {"errors", word(language, Word::kAxisErrors)},
                         {"readout", word(language, Word::kReadoutTimeline)}};
    std::string title = group.label;
    if (!arrived(move)) title += ": " + name_word(language, NameOf::kResult, move.result);
    charts.push_back({Place::kTimeline, std::move(title), std::move(data),
                      phase_legend(move, colours, language)});
  }
}

void add_rounds(std::vector<Chart>& charts, const Groups& groups, Language language) {
  for (const Group& group : groups.all) {
    const Move& move = group.typical();
    if (move.rounds.empty()) continue;
    auto number = ordered_json::array(), dirty = number, sent = number;
    for (const Round& round : move.rounds) {
      number.push_back(round.number);
      dirty.push_back(round.dirty_bytes);
      sent.push_back(round.sent_bytes);
    }
    const std::string written(word(language, Word::kDirtyBytes));
    const std::string wire(word(language, Word::kSentBytes));
    ordered_json data = {{"kind", "rounds"},
                         {"number", number},
                         {"dirty", dirty},
                         {"sent", sent},
                         {"round", word(language, Word::kRound)},
                         {"labels", {written, wire}}};
    charts.push_back({Place::kRounds,
                      group.label,
                      std::move(data),
                      {{written, "var(--series-0)"}, {wire, "var(--series-1)"}}});
  }
}

std::vector<Chart> charts_of(const Groups& groups, Language language) {
  std::vector<Chart> charts;
  add_timelines(charts, groups, language);
  add_distributions(charts, groups, language);
  add_rounds(charts, groups, language);
  add_sweeps(charts, groups, language);
  return charts;
}

}  // namespace ferry::report
