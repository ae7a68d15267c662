// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "base/units.h"
#include "cli/candidate.h"

namespace ferry::cli {

namespace {

constexpr size_t kWidestAbout = 40;  // so that the reasons stay on a usual screen

// At most so many characters; a command may be a whole script.
std::string shortened(const std::string& text) {
  auto cut = fmt::format("{:.{}}", text, kWidestAbout);
  return cut == text ? cut : fmt::format("{:.{}}…", text, kWidestAbout - 1);
}

std::string verdict_on(const Candidate& candidate) {
  if (candidate.can_move()) return "can move";
  const auto& check = candidate.check;
  const auto& first = check.own.empty() ? check.there.front() : check.own.front();
  const size_t further = check.own.size() + check.there.size() - 1;
  auto text =
      fmt::format("cannot{}: {}", check.own.empty() ? ", on " + check.target : "", first.what);
  if (!first.why.empty()) text += ": " + first.why;
  if (further > 0) text += fmt::format(" (and {} more reason{})", further, further == 1 ? "" : "s");
  return text;
}

struct Row {
  std::string name, about, memory, verdict;
};

}  // namespace

std::string table_of(const Candidates& candidates) {
  std::vector<Row> rows{{"NAME", "COMMAND OR IMAGE", "MEMORY", ""}};
  for (const auto& one : candidates) {
    const auto bytes = one.check.memory_bytes;
    rows.push_back({one.name, shortened(one.about), bytes > 0 ? base::format_bytes(bytes) : "-",
                    verdict_on(one)});
  }
  size_t name = 0, about = 0;
  for (const auto& row : rows) {
    name = std::max(name, row.name.size());
    about = std::max(about, row.about.size());
  }
  about = std::min(about, kWidestAbout);
  std::string text;
  for (const auto& row : rows) {
    auto line = fmt::format("{:<{}}  {:<{}}  {:>10}  {}", row.name, name, row.about, about,
                            row.memory, row.verdict);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace ferry::cli
