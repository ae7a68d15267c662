// SPDX-License-Identifier: Apache-2.0
//
// The tables with the details.
#include "report/tables.h"

#include <fmt/format.h>

#include <array>
#include <map>

#include "report/quantities.h"
#include "report/table_builder.h"

namespace ferry::report {

namespace {

using Part = std::optional<Quantiles> Move::*;
constexpr std::array kPauseParts = {std::pair{Word::kBefore, Part(&Move::before)},
                                    std::pair{Word::kDuring, Part(&Move::during)},
                                    std::pair{Word::kAfter, Part(&Move::after)}};

Column column(Language language, Word title, bool number = true) {
  return {std::string(word(language, title)), "", number};
}

std::vector<double> of_part(const Group& group, Part part,
                            const std::function<std::optional<double>(const Quantiles&)>& ask) {
  std::vector<double> values;
  for (const Move* move : group.moved) {
    if (!(move->*part)) continue;
    if (const auto value = ask(*(move->*part))) values.push_back(*value);
  }
  return values;
}

std::optional<double> throughput(const Quantiles& quantiles) {
  if (quantiles.seconds <= 0) return std::nullopt;
  return static_cast<double>(quantiles.answered) / quantiles.seconds;
}

}  // namespace

Table latency_table(const Groups& groups, Language language) {
  GroupTable table(pointers(groups));
  add_identity(table, groups, language);
  for (const auto& [title, part] : kPauseParts) {
    const std::string over =
        fmt::format("{} {}", word(language, Word::kQuantile), word(language, title));
    const auto add = [&](std::string name, auto ask) {
      table.add({std::move(name), over, true}, [part = part, ask](const Group* group) {
        return spread_cell(of_part(*group, part, ask), text_ms);
      });
    };
    add(std::string(word(language, Word::kMedian)), [](const Quantiles& q) { return q.p50_ms; });
    add("p99", [](const Quantiles& q) { return q.p99_ms; });
    add(std::string(word(language, Word::kWorst)), [](const Quantiles& q) { return q.max_ms; });
  }
  const std::string over(word(language, Word::kThroughput));
  for (const auto& [title, part] : kPauseParts) {
    table.add({std::string(word(language, title)), over, true}, [part = part](const Group* group) {
      return spread_cell(of_part(*group, part, throughput), text_number);
    });
  }
  Table made = table.take();
  const bool measured = std::ranges::any_of(made.columns, [](auto& c) { return !c.over.empty(); });
  return measured ? made : Table{};
}

Table errors_table(const Groups& groups, Language language) {
  std::vector<const Group*> rows;
  std::vector<std::string> kinds;
  for (const Group& group : groups.all) {
    bool any = false;
    for (const Move* move : group.moves) {
      for (const auto& [kind, count] : move->errors_by_kind) {
        if (count == 0) continue;
        any = true;
        if (std::ranges::find(kinds, kind) == kinds.end()) kinds.push_back(kind);
      }
    }
    if (any) rows.push_back(&group);
  }
  if (rows.empty()) return {};
  GroupTable table(rows);
  add_identity(table, groups, language);
  for (const std::string& kind : kinds) {
    table.add({name_word(language, NameOf::kError, kind), "", true}, [&](const Group* group) {
      uint64_t sum = 0;
      for (const Move* move : group->moves) {
        const auto found = move->errors_by_kind.find(kind);
        if (found != move->errors_by_kind.end()) sum += found->second;
      }
      return Cell{.text = text_count(sum)};
    });
  }
  return table.take();
}

Table pause_table(const Groups& groups, Language language) {
  std::vector<const Group*> rows;
  std::vector<std::string> phases;
  std::map<const Group*, std::map<std::string, double>> times;
  for (const Group& group : groups.all) {
    for (const auto& [name, ms] : pause_split(group)) {
      if (std::ranges::find(phases, name) == phases.end()) phases.push_back(name);
      times[&group][name] = ms;
    }
    if (times.contains(&group)) rows.push_back(&group);
  }
  if (rows.empty()) return {};
  GroupTable table(rows);
  add_identity(table, groups, language);
  for (const std::string& phase : phases) {
    table.add({name_word(language, NameOf::kPhase, phase), "", true}, [&](const Group* group) {
      const auto found = times[group].find(phase);
      return Cell{.text = found == times[group].end() ? "" : text_ms(found->second)};
    });
  }
  table.add(column(language, Word::kPhaseSum), [&](const Group* group) {
    double sum = 0;
    for (const auto& [_, ms] : times[group]) sum += ms;
    return Cell{.text = text_ms(sum)};
  });
  return table.take();
}

Table rounds_table(const Groups& groups, Language language) {
  using Row = std::pair<const Group*, const Round*>;
  std::vector<Row> rows;
  for (const Group& group : groups.all) {
    for (const Round& round : group.typical().rounds) rows.emplace_back(&group, &round);
  }
  if (rows.empty()) return {};
  TableBuilder<Row> table(rows);
  table.add(column(language, Word::kWay, false), [](const Row& row) {
    return Cell{.text = row.first->label, .colour = row.first->way};
  });
  table.add(column(language, Word::kRound),
            [](const Row& row) { return Cell{.text = fmt::format("{}", row.second->number)}; });
  table.add(column(language, Word::kDuration),
            [](const Row& row) { return Cell{.text = text_ms(row.second->ms)}; });
  table.add(column(language, Word::kDirtyBytes), [](const Row& row) {
    return Cell{.text = text_bytes(static_cast<double>(row.second->dirty_bytes))};
  });
  table.add(column(language, Word::kSentBytes), [](const Row& row) {
    return Cell{.text = text_bytes(static_cast<double>(row.second->sent_bytes))};
  });
  return table.take();
}

std::string target_value(const Target& target, const std::optional<double>& value) {
  if (!value) return "";
  const std::string_view first =
      std::string_view(target.text).substr(0, target.text.find_first_of(" /"));
  if (first.ends_with("_ms")) return text_ms(*value);
  if (first.ends_with("_bytes") || first == "bytes_sent") return text_bytes(*value);
  return text_number(*value);
}

Table targets_table(const Groups& groups, Language language) {
  TableBuilder<const Target*> table([&] {
    std::vector<const Target*> targets;
    for (const Target& target : groups.experiment.targets) targets.push_back(&target);
    return targets;
  }());
  table.add(column(language, Word::kTargetText, false),
            [](const Target* target) { return Cell{.text = target->text}; });
  table.add(column(language, Word::kTargetValue), [](const Target* target) {
    return Cell{.text = target_value(*target, target->value)};
  });
  table.add(column(language, Word::kTargetLimit), [](const Target* target) {
    return Cell{.text = target_value(*target, target->limit)};
  });
  table.add(column(language, Word::kResult, false), [&](const Target* target) {
    if (!target->value && !target->met) {
      return Cell{.text = std::string(word(language, Word::kTargetUnknown)), .tone = Tone::kBad};
    }
    return target->met
               ? Cell{.text = std::string(word(language, Word::kTargetMet)), .tone = Tone::kGood}
               : Cell{.text = std::string(word(language, Word::kTargetMissed)), .tone = Tone::kBad};
  });
  return table.take();
}

}  // namespace ferry::report
