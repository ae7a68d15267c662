// SPDX-License-Identifier: Apache-2.0
#include "bench/compatibility.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

namespace ferry::bench {

namespace {

// One line, and no column of its own.
std::string cell(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '|') escaped += '\\';
    escaped += c == '\n' ? ' ' : c;
  }
  return escaped;
}

std::string result_of(const report::Move& move) {
  if (move.result == "moved") return move.state_intact.value_or(true) ? "moved, state intact" : "moved, **state not intact**";
  return move.result;
}

std::string why(const report::Move& move) {
  if (move.result == "moved" && move.state_intact.value_or(true)) return "";
  if (move.result == "moved") return move.state_words.empty() ? "" : move.state_words.front();
  return move.failure ? move.failure->what + ": " + move.failure->why : "";
}

std::string pair_of(const report::Move& move) {
  const auto found = move.parameters.find("hosts");
  return found == move.parameters.end() ? "" : found->second;
}

std::string hosts_table(const report::Experiment& experiment) {
  std::vector<std::string> names;
  for (const auto& host : experiment.hosts) {
    for (const auto& [name, value] : host.facts) {
      if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    }
  }
  std::string head = "| host |", rule = "| --- |", rows;
  for (const auto& name : names) head += fmt::format(" {} |", cell(name)), rule += " --- |";
  for (const auto& host : experiment.hosts) {
    rows += fmt::format("| {} |", cell(host.name));
    for (const auto& name : names) {
      const auto fact = std::ranges::find(host.facts, name, &std::pair<std::string, std::string>::first);
      rows += fmt::format(" {} |", fact == host.facts.end() ? "" : cell(fact->second));
    }
    rows += "\n";
  }
  return head + "\n" + rule + "\n" + rows;
}

}  // namespace

std::string compatibility_text(const report::Experiment& experiment) {
  std::string text = fmt::format(
      "# What moves between which hosts\n\n"
      "Made by `{}` on {} (Linux {}, {} cores, ferry {}); not written by hand. east and west are the two hosts of a pair, in both "
      "directions.\n\n## The hosts\n\n{}\n## The moves\n\n"
      "| hosts | from → to | workload | way | result | why |\n| --- | --- | --- | --- | --- | --- |\n",
      experiment.command, experiment.machine.date, experiment.machine.kernel, experiment.machine.cores, experiment.ferry_version,
      hosts_table(experiment));
  // One line for what came out the same each time.
  std::vector<std::string> rows;
  std::map<std::string, int> times;
  for (const auto& move : experiment.moves) {
    const auto row = fmt::format("| {} | {} → {} | {} | {} | {} | {} |", cell(pair_of(move)), move.source, move.target, move.workload,
                                 cell(move.way), result_of(move), cell(why(move)));
    if (times[row]++ == 0) rows.push_back(row);
  }
  for (const auto& row : rows) text += row + "\n";
  if (!experiment.notes.empty()) text += "\n## Notes\n\n";
  for (const auto& note : experiment.notes) text += fmt::format("- {}\n", note);
  return text;
}

}  // namespace ferry::bench
