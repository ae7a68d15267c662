// SPDX-License-Identifier: Apache-2.0
#include "report/groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

namespace ferry::report {

namespace measure {

namespace {
std::optional<double> number(const auto& value) {
  return value ? std::optional(static_cast<double>(*value)) : std::nullopt;
}
}  // namespace

std::optional<double> gap_ms(const Move& move) { return move.client_gap_ms; }
std::optional<double> frozen_ms(const Move& move) { return move.frozen_ms; }
std::optional<double> worst_ms(const Move& move) { return move.worst_latency_ms; }
std::optional<double> total_ms(const Move& move) { return move.total_ms; }
std::optional<double> settle_ms(const Move& move) { return move.settle_ms; }
std::optional<double> cpu_ms(const Move& move) { return move.cpu_ms; }
std::optional<double> source_rss_bytes(const Move& move) { return number(move.source_rss_bytes); }
std::optional<double> target_rss_bytes(const Move& move) { return number(move.target_rss_bytes); }
std::optional<double> time_lost_ms(const Move& move) { return move.time_lost_ms; }
std::optional<double> bytes_sent(const Move& move) { return number(move.bytes_sent); }
std::optional<double> memory_bytes(const Move& move) { return number(move.memory_bytes); }
std::optional<double> errors(const Move& move) { return number(move.errors); }
std::optional<double> resets(const Move& move) { return number(move.resets); }
std::optional<double> steps(const Move& move) { return number(move.steps); }

}  // namespace measure

bool arrived(const Move& move) { return move.result == "moved"; }

std::vector<double> Group::values(Measure measure) const {
  std::vector<double> values;
  for (const Move* move : moved) {
    if (const auto value = measure(*move)) values.push_back(*value);
  }
  return values;
}

const Move& Group::typical() const {
  std::vector<const Move*> candidates;
  for (const Measure measure : {measure::gap_ms, measure::frozen_ms, measure::total_ms}) {
    std::ranges::copy_if(moved, std::back_inserter(candidates),
                         [&](const Move* move) { return measure(*move).has_value(); });
    if (candidates.empty()) continue;
    std::ranges::stable_sort(candidates, {}, [&](const Move* move) { return *measure(*move); });
    return *candidates[(candidates.size() - 1) / 2];
  }
  if (!moved.empty()) return *moved.front();
  const auto seen = std::ranges::find_if(moves, [](auto* move) { return !move->timeline.empty(); });
  return seen == moves.end() ? any() : **seen;
}

namespace {

auto key_of(const Move& move) {
  return std::tie(move.workload, move.engine, move.mode, move.via, move.way, move.parameters);
}

std::string label_of(const Group& group, const Groups& groups) {
  const Move& move = group.any();
  std::string label = move.way;
  if (groups.workloads_differ) label += " · " + move.workload;
  if (groups.engines_differ && !move.engine.empty()) label += " · " + move.engine;
  for (const std::string& name : groups.parameters) {
    const auto found = move.parameters.find(name);
    if (found != move.parameters.end()) label += fmt::format(" · {} {}", name, found->second);
  }
  return label;
}

// In the order of the experiment's own list; what is not in it comes after.
std::vector<std::string> differing_parameters(const Experiment& experiment) {
  std::map<std::string, std::set<std::string>> values;
  for (const Move& move : experiment.moves) {
    for (const auto& [name, value] : move.parameters) values[name].insert(value);
  }
  std::vector<std::string> names;
  for (const Parameter& parameter : experiment.parameters) names.push_back(parameter.name);
  for (const auto& [name, all] : values) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  std::erase_if(names, [&](const std::string& name) { return values[name].size() < 2; });
  return names;
}

}  // namespace

Groups::Groups(const Experiment& made) : experiment(made) {
  std::set<std::string> workloads;
  std::map<std::string, std::set<std::string>> engines_of_way;
  for (const Move& move : experiment.moves) {
    auto group = std::ranges::find_if(
        all, [&](const Group& known) { return key_of(known.any()) == key_of(move); });
    if (group == all.end()) group = all.insert(all.end(), Group{});
    group->moves.push_back(&move);
    if (arrived(move)) group->moved.push_back(&move);
    auto way = std::ranges::find(ways, move.way);
    if (way == ways.end()) way = ways.insert(way, move.way);
    group->way = way - ways.begin();
    workloads.insert(move.workload);
    engines_of_way[move.way].insert(move.engine);
  }
  workloads_differ = workloads.size() > 1;
  engines_differ =
      std::ranges::any_of(engines_of_way, [](auto& engines) { return engines.second.size() > 1; });
  parameters = differing_parameters(experiment);
  for (Group& group : all) group.label = label_of(group, *this);
}

bool Groups::any(Measure measure) const {
  return std::ranges::any_of(all,
                             [&](const Group& group) { return !group.values(measure).empty(); });
}

std::vector<std::pair<std::string, double>> pause_split(const Group& group) {
  std::vector<std::string> order;
  std::map<std::string, std::vector<double>> times;
  for (const Move* move : group.moved) {
    std::map<std::string, double> of_move;
    for (const Phase& phase : move->phases) {
      if (!phase.frozen) continue;
      if (std::ranges::find(order, phase.name) == order.end()) order.push_back(phase.name);
      of_move[phase.name] += phase.ms;
    }
    for (const auto& [name, ms] : of_move) times[name].push_back(ms);
  }
  std::vector<std::pair<std::string, double>> split;
  for (const std::string& name : order) split.emplace_back(name, spread_of(times[name]).median);
  return split;
}

}  // namespace ferry::report
