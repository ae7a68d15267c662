// SPDX-License-Identifier: Apache-2.0
//
// The moves of an experiment put together: those that differ in nothing but their repetition are
// one group, and a group is a row of a table, a line of a chart, a side of a comparison.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "report/experiment.h"
#include "report/statistics.h"

namespace ferry::report {

// What can be asked of a move; none: it was not measured.
using Measure = std::optional<double> (*)(const Move&);

namespace measure {
std::optional<double> gap_ms(const Move& move);
std::optional<double> frozen_ms(const Move& move);
std::optional<double> worst_ms(const Move& move);
std::optional<double> total_ms(const Move& move);
std::optional<double> settle_ms(const Move& move);
std::optional<double> cpu_ms(const Move& move);
std::optional<double> source_rss_bytes(const Move& move);
std::optional<double> target_rss_bytes(const Move& move);
std::optional<double> time_lost_ms(const Move& move);
std::optional<double> bytes_sent(const Move& move);
std::optional<double> memory_bytes(const Move& move);
std::optional<double> errors(const Move& move);
std::optional<double> resets(const Move& move);
std::optional<double> steps(const Move& move);
}  // namespace measure

struct Group {
  std::vector<const Move*> moves;  // all of them, at least one
  std::vector<const Move*> moved;  // those that arrived; only these are measured
  std::string label;               // as little as tells it from the other groups
  size_t way = 0;                  // which of Groups::ways

  const Move& any() const { return *moves.front(); }
  std::vector<double> values(Measure measure) const;
  Spread spread(Measure measure) const { return spread_of(values(measure)); }
  // The move to show when only one can be: that with the median gap, or the first with a timeline
  // when none arrived.
  const Move& typical() const;
};

struct Groups {
  explicit Groups(const Experiment& experiment);
  // Points into the experiment and into itself.
  Groups(const Groups&) = delete;
  Groups& operator=(const Groups&) = delete;

  const Experiment& experiment;
  std::vector<Group> all;         // in the order in which they first occur
  std::vector<std::string> ways;  // each has a colour of its own
  bool workloads_differ = false, engines_differ = false;
  std::vector<std::string> parameters;  // those that differ between the groups

  bool any(Measure measure) const;  // measured of any move that arrived
  size_t index_of(const Move& move) const { return &move - experiment.moves.data(); }
};

// The median time of each frozen phase, in the order of the phases; phases of one name are added
// up.
std::vector<std::pair<std::string, double>> pause_split(const Group& group);

bool arrived(const Move& move);

}  // namespace ferry::report
