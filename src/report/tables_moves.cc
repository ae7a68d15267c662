// SPDX-License-Identifier: Apache-2.0
//
// Every move in a row of its own.
#include <fmt/format.h>

#include "report/quantities.h"
#include "report/table_builder.h"

namespace ferry::report {

namespace {

struct Row {
  const Group* group;
  const Move* move;
};

void add_number(TableBuilder<Row>& table, Language language, Word title, Measure measure,
                Format format) {
  table.add({std::string(word(language, title)), "", true}, [=](const Row& row) {
    const auto value = measure(*row.move);
    return Cell{.text = value ? format(*value) : ""};
  });
}

Cell state_cell(const Move& move, Language language) {
  if (!move.state_intact) return {};
  return *move.state_intact
             ? Cell{.text = std::string(word(language, Word::kYes)), .tone = Tone::kGood}
             : Cell{.text = std::string(word(language, Word::kNo)), .tone = Tone::kBad};
}

void add_who(TableBuilder<Row>& table, Language language) {
  table.add({std::string(word(language, Word::kWay)), "", false}, [](const Row& row) {
    return Cell{.text = row.group->label, .colour = row.group->way};
  });
  table.add({std::string(word(language, Word::kRepetition)), "", true}, [](const Row& row) {
    return Cell{.text = row.move->repetition > 0 ? fmt::format("{}", row.move->repetition) : ""};
  });
  table.add({std::string(word(language, Word::kRoute)), "", false}, [](const Row& row) {
    if (row.move->source.empty() && row.move->target.empty()) return Cell{};
    return Cell{.text = fmt::format("{} → {}", row.move->source, row.move->target)};
  });
  table.add({std::string(word(language, Word::kResult)), "", false}, [language](const Row& row) {
    return Cell{.text = name_word(language, NameOf::kResult, row.move->result),
                .tone = arrived(*row.move) ? Tone::kPlain : Tone::kBad};
  });
}

}  // namespace

Table moves_table(const Groups& groups, Language language) {
  std::vector<Row> rows;
  for (const Group& group : groups.all) {
    for (const Move* move : group.moves) rows.push_back({&group, move});
  }
  if (rows.empty()) return {};
  TableBuilder<Row> table(rows);
  add_who(table, language);
  add_number(table, language, Word::kGap, measure::gap_ms, text_ms);
  add_number(table, language, Word::kFrozen, measure::frozen_ms, text_ms);
  add_number(table, language, Word::kWorstLatency, measure::worst_ms, text_ms);
  add_number(table, language, Word::kTotal, measure::total_ms, text_ms);
  add_number(table, language, Word::kMemoryOfIt, measure::memory_bytes, text_bytes);
  add_number(table, language, Word::kBytesSent, measure::bytes_sent, text_bytes);
  table.add({std::string(word(language, Word::kRequests)), "", true}, [](const Row& row) {
    return Cell{.text = row.move->requests ? text_count(*row.move->requests) : ""};
  });
  table.add({std::string(word(language, Word::kFailed)), "", true}, [](const Row& row) {
    if (!row.move->errors) return Cell{};
    return Cell{.text = text_count(*row.move->errors),
                .tone = *row.move->errors > 0 ? Tone::kBad : Tone::kPlain};
  });
  table.add({std::string(word(language, Word::kState)), "", false},
            [language](const Row& row) { return state_cell(*row.move, language); });
  return table.take();
}

}  // namespace ferry::report
