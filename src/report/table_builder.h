// SPDX-License-Identifier: Apache-2.0
//
// Builds a Table by columns: what a column shows of a row is a function of the row's subject, and a
// column in which no row has anything is left out.
#pragma once

#include <algorithm>
#include <functional>
#include <utility>

#include "report/tables.h"

namespace ferry::report {

template <typename Subject>
class TableBuilder {
 public:
  using Show = std::function<Cell(const Subject&)>;

  explicit TableBuilder(std::vector<Subject> subjects) : subjects_(std::move(subjects)) {
    table_.rows.resize(subjects_.size());
  }

  void add(Column column, const Show& show) {
    std::vector<Cell> cells;
    for (const Subject& subject : subjects_) cells.push_back(show(subject));
    if (std::ranges::all_of(cells, [](const Cell& cell) { return cell.text.empty(); })) return;
    table_.columns.push_back(std::move(column));
    for (size_t i = 0; i < cells.size(); ++i) table_.rows[i].push_back(std::move(cells[i]));
  }
  Table take() { return std::move(table_); }

 private:
  std::vector<Subject> subjects_;
  Table table_;
};

using GroupTable = TableBuilder<const Group*>;

inline std::vector<const Group*> pointers(const Groups& groups) {
  std::vector<const Group*> pointers;
  for (const Group& group : groups.all) pointers.push_back(&group);
  return pointers;
}

// The columns by which a reader tells the rows apart: way, workload, engine, parameters.
void add_identity(GroupTable& table, const Groups& groups, Language language);

using Format = std::string (*)(double);
// The median, and the range when there are repetitions.
Cell spread_cell(const std::vector<double>& values, Format format);

}  // namespace ferry::report
