// SPDX-License-Identifier: Apache-2.0
#include "bench/compatibility.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
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

std::string hosts_of(const report::Move& move) {
  const auto found = move.parameters.find("hosts");
  return found == move.parameters.end() ? "" : found->second;
}

// What keeps the order in which it was first seen.
template <typename Value>
size_t place_of(std::vector<Value>& seen, const Value& value) {
  const auto found = std::ranges::find(seen, value);
  if (found != seen.end()) return static_cast<size_t>(found - seen.begin());
  seen.push_back(value);
  return seen.size() - 1;
}

bool is_good(const report::Move& move) {
  return move.result == "moved" && move.state_intact.value_or(true);
}

std::string outcome_of(const report::Move& move) {
  if (move.result == "moved") return is_good(move) ? "moved" : "moved, **not intact**";
  return move.state_intact.value_or(true) ? move.result : move.result + ", **lost**";
}

// Empty for a move that needs no explanation.
std::string reason_of(const report::Move& move) {
  if (is_good(move)) return "";
  std::string reason = move.failure ? move.failure->what + ": " + move.failure->why : move.result;
  if (move.failure && !move.failure->remedy.empty()) reason += "; to do: " + move.failure->remedy;
  if (!move.state_intact.value_or(true))
    reason += fmt::format(". Afterwards: {}", fmt::join(move.state_words, "; "));
  reason.erase(reason.find_last_not_of(" \n") + 1);
  return reason;
}

std::string hosts_table(const report::Experiment& experiment) {
  std::vector<std::string> names;
  for (const auto& host : experiment.hosts) {
    for (const auto& fact : host.facts) place_of(names, fact.first);
  }
  std::string head = "|", rule = "|", rows;
  for (const auto& name : names) head += fmt::format(" {} |", cell(name)), rule += " --- |";
  for (const auto& host : experiment.hosts) {
    rows += "|";
    for (const auto& name : names) {
      const auto fact =
          std::ranges::find(host.facts, name, &std::pair<std::string, std::string>::first);
      rows += fmt::format(" {} |", fact == host.facts.end() ? "" : cell(fact->second));
    }
    rows += "\n";
  }
  return head + "\n" + rule + "\n" + rows;
}

// A row for each way between each two kinds of hosts, a column for each workload.
class MovesTable {
 public:
  explicit MovesTable(const report::Experiment& experiment) {
    for (const auto& move : experiment.moves) {
      place_of(rows_, {hosts_of(move), move.way});
      place_of(workloads_, move.workload);
      moves_.push_back(&move);
    }
    // Rows of the same hosts belong together, also when their moves came at different times.
    std::vector<std::string> hosts;
    for (const auto& row : rows_) place_of(hosts, row.first);
    std::ranges::stable_sort(rows_, {}, [&](const Row& row) { return place_of(hosts, row.first); });
  }

  std::string text() {
    std::string table = "| hosts | way |", rule = "| --- | --- |";
    for (const auto& workload : workloads_)
      table += fmt::format(" {} |", cell(workload)), rule += " --- |";
    table += "\n" + rule + "\n";
    for (const auto& row : rows_) {
      table += fmt::format("| {} | {} |", cell(row.first), cell(row.second));
      for (const auto& workload : workloads_)
        table += fmt::format(" {} |", outcomes(row, workload));
      table += "\n";
    }
    for (size_t i = 0; i < reasons_.size(); ++i)
      table += fmt::format("\n[{}] {}\n", i + 1, cell(reasons_[i]));
    return table;
  }

 private:
  using Row = std::pair<std::string, std::string>;  // hosts, way

  // "2 moved, 1 failed [3]"
  std::string outcomes(const Row& row, const std::string& workload) {
    std::vector<std::string> found;
    std::vector<int> times;
    for (const auto* move : moves_) {
      if (hosts_of(*move) != row.first || move->way != row.second || move->workload != workload)
        continue;
      std::string outcome = outcome_of(*move);
      if (const auto reason = reason_of(*move); !reason.empty())
        outcome += fmt::format(" [{}]", place_of(reasons_, reason) + 1);
      const size_t place = place_of(found, outcome);
      times.resize(found.size());
      ++times[place];
    }
    std::vector<std::string> counted;
    for (size_t i = 0; i < found.size(); ++i)
      counted.push_back(fmt::format("{} {}", times[i], found[i]));
    return fmt::format("{}", fmt::join(counted, "; "));
  }

  std::vector<Row> rows_;
  std::vector<std::string> workloads_, reasons_;
  std::vector<const report::Move*> moves_;
};

}  // namespace

std::string compatibility_text(const report::Experiment& experiment) {
  std::string text = fmt::format(
      "# What moves between which hosts\n\n"
      "Made by `{}` on {} (Linux {}, {} cores, ferry {}); not written by hand. \"lost\" means that "
      "the workload did not go on anywhere.\n\n"
      "## The hosts\n\n{}\n## The moves\n\n{}",
      experiment.command, experiment.machine.date, experiment.machine.kernel,
      experiment.machine.cores, experiment.ferry_version, hosts_table(experiment),
      MovesTable(experiment).text());
  if (!experiment.notes.empty()) text += "\n## Notes\n\n";
  for (const auto& note : experiment.notes) text += fmt::format("- {}\n", note);
  return text;
}

}  // namespace ferry::bench
