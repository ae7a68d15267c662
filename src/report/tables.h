// SPDX-License-Identifier: Apache-2.0
//
// The tables of a report, before they are HTML or Markdown. A column that would be empty is not in
// them; a table without rows is not shown at all.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "report/groups.h"
#include "report/words.h"

namespace ferry::report {

enum class Tone { kPlain, kGood, kBad, kMuted };

struct Cell {
  std::string text;
  std::string range;  // under it: smallest to largest of the repetitions
  Tone tone = Tone::kPlain;
  std::optional<double> bar = {};     // 0 to 1: its share of the column's largest
  std::optional<size_t> colour = {};  // of the way that it names
};

struct Column {
  std::string title;
  std::string over;    // a title over this and its neighbours with the same
  bool number = true;  // to the right
};

struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;

  bool empty() const { return rows.empty() || columns.empty(); }
};

Table headline_table(const Groups& groups, Language language);
// Before, during and after: median, p99, worst; answers per second.
Table latency_table(const Groups& groups, Language language);
Table errors_table(const Groups& groups, Language language);
Table pause_table(const Groups& groups, Language language);
Table rounds_table(const Groups& groups, Language language);
Table targets_table(const Groups& groups, Language language);
// One row per move.
Table moves_table(const Groups& groups, Language language);

// The unit of a target's value is not known: "client_gap_ms …" in its text says ms.
std::string target_value(const Target& target, const std::optional<double>& value);

}  // namespace ferry::report
