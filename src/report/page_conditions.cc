// SPDX-License-Identifier: Apache-2.0
//
// What was done: machine, hosts, load, what was varied, the commands; each move; where it departs
// from the plan.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "report/page.h"
#include "report/quantities.h"

namespace ferry::report {

namespace {

std::string processor_line(const Machine& machine, Language language) {
  std::vector<std::string> parts;
  if (!machine.processor.empty()) parts.push_back(machine.processor);
  if (machine.cores > 0) parts.push_back(words(language, Word::kCores, machine.cores));
  if (!machine.architecture.empty()) parts.push_back(machine.architecture);
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace

Facts facts_of(const Experiment& experiment, Language language) {
  Facts facts;
  const auto add = [&](Word name, std::string value) {
    if (!value.empty()) facts.emplace_back(word(language, name), std::move(value));
  };
  const Machine& machine = experiment.machine;
  add(Word::kCommand, experiment.command);
  add(Word::kDate, machine.date);
  add(Word::kProcessor, processor_line(machine, language));
  add(Word::kMemory,
      machine.memory_bytes > 0 ? text_bytes(static_cast<double>(machine.memory_bytes)) : "");
  add(Word::kKernel, machine.kernel);
  add(Word::kFerryVersion, experiment.ferry_version);
  add(Word::kLinks, fmt::format("{}", fmt::join(experiment.links, "; ")));
  add(Word::kLoad, experiment.load);
  for (const Host& host : experiment.hosts) {
    std::vector<std::string> parts;
    for (const auto& [name, value] : host.facts) parts.push_back(fmt::format("{} {}", name, value));
    if (!parts.empty()) facts.emplace_back(host.name, fmt::format("{}", fmt::join(parts, ", ")));
  }
  for (const Parameter& parameter : experiment.parameters) {
    facts.emplace_back(fmt::format("{}: {}", word(language, Word::kParameters), parameter.name),
                       fmt::format("{}", fmt::join(parameter.values, ", ")));
  }
  return facts;
}

std::vector<TypedCommands> typed_commands(const Groups& groups, Language language) {
  std::vector<TypedCommands> all;
  std::vector<const std::vector<std::string>*> shown;
  for (const Group& group : groups.all) {
    const Move& move = group.typical();
    if (move.commands.empty()) continue;
    // Groups of one way mostly differ in nothing that is typed.
    bool known = false;
    for (const auto* other : shown) known = known || *other == move.commands;
    if (known) continue;
    shown.push_back(&move.commands);
    std::string title = group.label;
    if (move.steps) {
      const std::string steps = *move.steps == 1 ? std::string(word(language, Word::kOneStep))
                                                 : words(language, Word::kStepsCount, *move.steps);
      title += fmt::format(" ({})", steps);
    }
    all.push_back({std::move(title), move.commands});
  }
  return all;
}

namespace {

void write_facts(Page& page) {
  page.html.element("dl", {{"class", "facts"}}, [&] {
    for (const auto& [name, value] : facts_of(page.groups.experiment, page.language)) {
      page.html.element("dt", name);
      page.html.element("dd", value);
    }
  });
}

void write_commands(Page& page) {
  const auto all = typed_commands(page.groups, page.language);
  if (all.empty()) return;
  page.html.element("h3", page.say(Word::kCommands));
  for (const TypedCommands& typed : all) {
    page.html.element("p", {{"class", "command-title"}}, typed.title);
    page.html.element("pre", {{"tabindex", "0"}}, [&] {
      page.html.element("code", fmt::format("{}", fmt::join(typed.commands, "\n")));
    });
  }
}

}  // namespace

void write_conditions(Page& page) {
  if (const Table moves = moves_table(page.groups, page.language); !moves.empty()) {
    page.section("moves", Word::kEveryMove, [&] {
      page.html.element("details", {}, [&] {
        const size_t count = page.groups.experiment.moves.size();
        page.html.element("summary", count == 1 ? std::string(page.say(Word::kOneMove))
                                                : words(page.language, Word::kMovesCount, count));
        write_table(page, moves);
      });
    });
  }
  page.section("done", Word::kWhatWasDone, [&] {
    write_facts(page);
    if (const auto& notes = page.groups.experiment.notes; !notes.empty()) {
      page.html.element("h3", page.say(Word::kNotes));
      page.html.element("ul", {{"class", "notes"}}, [&] {
        for (const std::string& note : notes) page.html.element("li", note);
      });
    }
    write_commands(page);
  });
}

}  // namespace ferry::report
