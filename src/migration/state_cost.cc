// SPDX-License-Identifier: Apache-2.0
#include "migration/state_cost.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <vector>

#include "base/log.h"

namespace ferry::migration {

namespace {

constexpr size_t kRemembered = 64;  // moves; older ones were made by another kernel or CRIU, maybe
constexpr size_t kLooked = 7;       // of those that are like this one, the newest
// Measured on Linux 6.18 with CRIU 4.2: a single task takes about so long, and each further one so much more.
constexpr StateCost kFirstTask{15, 35}, kEachTask{1.5, 2};

struct Line {
  size_t tasks = 0;
  StateCost cost;
};

// A line that cannot be read is as good as none.
std::vector<Line> read_lines(const base::Path& file) {
  std::vector<Line> lines;
  std::istringstream in(base::try_read_file(file).value_or(""));
  for (std::string text; std::getline(in, text);) {
    std::istringstream fields(text);
    Line line;
    if (fields >> line.tasks >> line.cost.dump_ms >> line.cost.rest_ms) lines.push_back(line);
  }
  return lines;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

}  // namespace

StateCost expected_state_cost(size_t tasks, const base::Path& file) {
  std::vector<double> dump, rest;
  const auto lines = read_lines(file);
  for (auto line = lines.rbegin(); line != lines.rend() && dump.size() < kLooked; ++line) {
    if (line->tasks > 2 * tasks || tasks > 2 * line->tasks) continue;
    dump.push_back(line->cost.dump_ms);
    rest.push_back(line->cost.rest_ms);
  }
  if (!dump.empty()) return {median(dump), median(rest)};
  const double more = tasks > 1 ? static_cast<double>(tasks - 1) : 0;
  return {kFirstTask.dump_ms + more * kEachTask.dump_ms, kFirstTask.rest_ms + more * kEachTask.rest_ms};
}

void remember_state_cost(size_t tasks, const StateCost& cost, const base::Path& file) noexcept {
  try {
    auto lines = read_lines(file);
    lines.push_back({tasks, cost});
    if (lines.size() > kRemembered) lines.erase(lines.begin(), lines.end() - kRemembered);
    std::string text;
    for (const auto& line : lines) text += fmt::format("{} {:.1f} {:.1f}\n", line.tasks, line.cost.dump_ms, line.cost.rest_ms);
    std::filesystem::create_directories(file.parent_path());
    base::replace_file(file, text, base::Durable::kNo);
  } catch (const std::exception& failure) {
    base::log("the cost of this move is not remembered: {}", failure.what());
  }
}

}  // namespace ferry::migration
