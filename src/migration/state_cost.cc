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
constexpr size_t kFewConnections = 50;  // so many more or less make no difference
// Measured on Linux 6.18 with CRIU 4.2: a single task takes about so long, and each further one and each connection so much more.
constexpr StateCost kFirstTask{15, 35}, kEachTask{1.5, 2}, kEachConnection{0.07, 0.06};

struct Line {
  StateSize size;
  StateCost cost;
};

bool is_like(size_t one, size_t other, size_t slack) { return one <= 2 * other + slack && other <= 2 * one + slack; }

bool is_like(const StateSize& one, const StateSize& other) {
  return is_like(one.tasks, other.tasks, 0) && is_like(one.connections, other.connections, kFewConnections);
}

// A line that cannot be read is as good as none.
std::vector<Line> read_lines(const base::Path& file) {
  std::vector<Line> lines;
  std::istringstream in(base::try_read_file(file).value_or(""));
  for (std::string text; std::getline(in, text);) {
    std::istringstream fields(text);
    Line line;
    if (!(fields >> line.size.tasks >> line.cost.dump_ms >> line.cost.rest_ms)) continue;
    fields >> line.size.connections;  // what is older has none
    lines.push_back(line);
  }
  return lines;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

}  // namespace

StateCost expected_state_cost(const StateSize& size, const base::Path& file) {
  std::vector<double> dump, rest;
  const auto lines = read_lines(file);
  for (auto line = lines.rbegin(); line != lines.rend() && dump.size() < kLooked; ++line) {
    if (!is_like(line->size, size)) continue;
    dump.push_back(line->cost.dump_ms);
    rest.push_back(line->cost.rest_ms);
  }
  if (!dump.empty()) return {median(dump), median(rest)};
  const double more = size.tasks > 1 ? static_cast<double>(size.tasks - 1) : 0;
  const auto connections = static_cast<double>(size.connections);
  return {kFirstTask.dump_ms + more * kEachTask.dump_ms + connections * kEachConnection.dump_ms,
          kFirstTask.rest_ms + more * kEachTask.rest_ms + connections * kEachConnection.rest_ms};
}

void remember_state_cost(const StateSize& size, const StateCost& cost, const base::Path& file) noexcept {
  try {
    auto lines = read_lines(file);
    lines.push_back({size, cost});
    if (lines.size() > kRemembered) lines.erase(lines.begin(), lines.end() - kRemembered);
    std::string text;
    for (const auto& line : lines) {
      text += fmt::format("{} {:.1f} {:.1f} {}\n", line.size.tasks, line.cost.dump_ms, line.cost.rest_ms, line.size.connections);
    }
    std::filesystem::create_directories(file.parent_path());
    base::replace_file(file, text, base::Durable::kNo);
  } catch (const std::exception& failure) {
    base::log("the cost of this move is not remembered: {}", failure.what());
  }
}

}  // namespace ferry::migration
