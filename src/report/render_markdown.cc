// SPDX-License-Identifier: Apache-2.0
//
// The report as Markdown: to be read as it is, pasted into a written one, or kept beside the code.
#include <fmt/format.h>

#include "report/findings.h"
#include "report/page.h"
#include "report/report.h"

namespace ferry::report {

namespace {

// What Markdown would take for markup, and what would end a line of a table. HTML is markup there,
// too.
std::string plain(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n' || c == '\r') {
      out += ' ';
    } else if (c == kEmphasis || c == kPlainAgain) {
      out += "**";
    } else if (std::string_view("\\`*_[]<>|#~").find(c) != std::string_view::npos) {
      out += '\\';
      out += c;
    } else if (c == '&') {
      out += "&amp;";
    } else {
      out += c;
    }
  }
  return out;
}

// A fence that is longer than any in the text.
std::string fenced(std::string_view text) {
  std::string fence = "```";
  while (text.find(fence) != std::string_view::npos) fence += '`';
  return fmt::format("{}\n{}\n{}\n\n", fence, text, fence);
}

std::string cell_text(const Cell& cell) {
  if (cell.text.empty()) return "–";
  if (cell.range.empty()) return plain(cell.text);
  if (cell.range.starts_with('/')) return fmt::format("{} {}", plain(cell.text), plain(cell.range));
  return fmt::format("{} ({})", plain(cell.text), plain(cell.range));
}

std::string table_text(const Table& table) {
  if (table.empty()) return "";
  std::string out = "|", rule = "|";
  for (const Column& column : table.columns) {
    const std::string title =
        column.over.empty() ? column.title : fmt::format("{}, {}", column.over, column.title);
    out += fmt::format(" {} |", plain(title));
    rule += column.number ? " ---: |" : " --- |";
  }
  out += "\n" + rule + "\n";
  for (const auto& row : table.rows) {
    out += "|";
    for (const Cell& cell : row) out += fmt::format(" {} |", cell_text(cell));
    out += "\n";
  }
  return out + "\n";
}

class Writer {
 public:
  Writer(const Groups& groups, Language language) : groups_(groups), language_(language) {}

  void head();
  void findings_and_failures();
  void tables();
  void conditions();
  std::string take() { return std::move(out_); }

 private:
  std::string_view say(Word key) const { return word(language_, key); }
  void heading(Word key) { out_ += fmt::format("## {}\n\n", say(key)); }
  void table(Word title, const Table& table, std::optional<Word> note = {}) {
    if (table.empty()) return;
    heading(title);
    if (note) out_ += fmt::format("{}\n\n", say(*note));
    out_ += table_text(table);
  }
  void failure(const SeenFailure& seen);

  const Groups& groups_;
  Language language_;
  std::string out_;
};

void Writer::head() {
  const Experiment& experiment = groups_.experiment;
  out_ += fmt::format("# {}: {}\n\n", say(Word::kReportTitle), plain(experiment.scenario));
  if (!experiment.description.empty()) out_ += plain(experiment.description) + "\n\n";
}

void Writer::failure(const SeenFailure& seen) {
  const Move& move = *seen.move;
  out_ += fmt::format(
      "- **{}**", plain(words(language_, Word::kFailureHeading, seen.label, move.source, move.target,
                              name_word(language_, NameOf::kResult, move.result))));
  if (seen.times > 1)
    out_ += fmt::format(" ({})", words(language_, Word::kFailureTimes, seen.times));
  out_ += "\n";
  if (!move.failure) {
    out_ += fmt::format("  {}\n", say(Word::kNoReason));
    return;
  }
  out_ += fmt::format("  {}\n", plain(move.failure->what));
  for (const auto& [title, text] : {std::pair{Word::kFailureWhy, move.failure->why},
                                    {Word::kFailureRemedy, move.failure->remedy},
                                    {Word::kFailureHost, move.failure->host},
                                    {Word::kFailureLog, move.failure->log}}) {
    if (!text.empty()) out_ += fmt::format("  - {}: {}\n", say(title), plain(text));
  }
}

void Writer::findings_and_failures() {
  heading(Word::kFindings);
  const auto found = findings(groups_, language_);
  if (found.empty()) out_ += fmt::format("{}\n", say(Word::kNoMoves));
  for (const Finding& finding : found) out_ += fmt::format("- {}\n", plain(finding.text));
  out_ += "\n";
  const auto failures = failures_of(groups_);
  if (failures.empty()) return;
  heading(Word::kFailures);
  for (const SeenFailure& seen : failures) failure(seen);
  out_ += "\n";
}

void Writer::tables() {
  table(Word::kSideBySide, headline_table(groups_, language_), Word::kSideBySideNote);
  if (groups_.any(measure::gap_ms)) out_ += fmt::format("{}\n\n", say(Word::kGapNote));
  table(Word::kErrorKinds, errors_table(groups_, language_));
  table(Word::kTargets, targets_table(groups_, language_));
  table(Word::kPauseSplit, pause_table(groups_, language_));
  table(Word::kDistribution, latency_table(groups_, language_));
  table(Word::kRounds, rounds_table(groups_, language_));
  table(Word::kEveryMove, moves_table(groups_, language_));
}

void Writer::conditions() {
  const Experiment& experiment = groups_.experiment;
  heading(Word::kWhatWasDone);
  for (const auto& [name, value] : facts_of(experiment, language_)) {
    out_ += fmt::format("- {}: {}\n", plain(name), plain(value));
  }
  out_ += "\n";
  if (!experiment.notes.empty()) {
    out_ += fmt::format("### {}\n\n", say(Word::kNotes));
    for (const std::string& note : experiment.notes) out_ += fmt::format("- {}\n", plain(note));
    out_ += "\n";
  }
  const auto typed = typed_commands(groups_, language_);
  if (typed.empty()) return;
  out_ += fmt::format("### {}\n\n", say(Word::kCommands));
  for (const TypedCommands& way : typed) {
    out_ += fmt::format("{}\n\n{}", plain(way.title),
                        fenced(fmt::format("{}", fmt::join(way.commands, "\n"))));
  }
}

}  // namespace

std::string render_markdown(const Experiment& experiment, Language language) {
  const Groups groups(experiment);
  Writer writer(groups, language);
  writer.head();
  writer.findings_and_failures();
  writer.tables();
  writer.conditions();
  return writer.take();
}

}  // namespace ferry::report
