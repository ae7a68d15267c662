// SPDX-License-Identifier: Apache-2.0
//
// The parts of the HTML page. Each writes one section, or nothing when there is nothing to show.
#pragma once

#include <string>
#include <vector>

#include "report/charts.h"
#include "report/html.h"
#include "report/tables.h"

namespace ferry::report {

struct Page {
  const Groups& groups;
  Language language;
  Html html;
  std::vector<std::pair<std::string, std::string>> contents;  // id and title of each section

  std::string_view say(Word key) const { return word(language, key); }
  // A section with its heading and, under it, what the reader must know.
  void section(std::string_view id, Word title, Word note, const std::function<void()>& inner);
  void section(std::string_view id, Word title, const std::function<void()>& inner);
};

std::string_view tone_class(Tone tone);  // of the style sheet; none: ""
void write_table(Page& page, const Table& table);
void write_head_table(Page& page);
void write_findings(Page& page);
void write_failures(Page& page);
void write_targets(Page& page);
void write_charts(Page& page, const std::vector<Chart>& charts);
void write_pause_split(Page& page);
void write_conditions(Page& page);

// What was done, as names and values: for HTML and Markdown.
using Facts = std::vector<std::pair<std::string, std::string>>;
Facts facts_of(const Experiment& experiment, Language language);
// Each way with the commands of its typical move.
struct TypedCommands {
  std::string title;
  std::vector<std::string> commands;
};
std::vector<TypedCommands> typed_commands(const Groups& groups, Language language);

// Failures that say the same are one, with how often it happened.
struct SeenFailure {
  const Move* move;
  size_t times;
  std::string label;  // of its group: the way, and what else tells it from others
};
std::vector<SeenFailure> failures_of(const Groups& groups);

}  // namespace ferry::report
