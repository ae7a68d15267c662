// SPDX-License-Identifier: Apache-2.0
//
// Findings, failures, targets and charts.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "report/findings.h"
#include "report/page.h"

namespace ferry::report {

namespace {

void write_finding(Page& page, std::string_view text) {
  while (!text.empty()) {
    const bool strong = text.front() == kEmphasis;
    if (strong) text.remove_prefix(1);
    const size_t end = text.find(strong ? kPlainAgain : kEmphasis);
    if (strong) {
      page.html.element("b", text.substr(0, end));
    } else {
      page.html.text(text.substr(0, end));
    }
    text.remove_prefix(end == text.npos ? text.size() : strong ? end + 1 : end);
  }
}

}  // namespace

void Page::section(std::string_view id, Word title, const std::function<void()>& inner) {
  contents.emplace_back(id, say(title));
  html.element("section", {{"id", id}}, [&] {
    html.element("h2", say(title));
    inner();
  });
}

void Page::section(std::string_view id, Word title, Word note, const std::function<void()>& inner) {
  section(id, title, [&] {
    html.element("p", {{"class", "note"}}, say(note));
    inner();
  });
}

void write_findings(Page& page) {
  const auto found = findings(page.groups, page.language);
  page.section("findings", Word::kFindings, [&] {
    if (found.empty())
      return page.html.element("p", {{"class", "muted"}}, page.say(Word::kNoMoves));
    page.html.element("ul", {{"class", "findings"}}, [&] {
      for (const Finding& finding : found) {
        page.html.element("li", {{"class", tone_class(finding.tone)}},
                          [&] { write_finding(page, finding.text); });
      }
    });
  });
}

std::vector<SeenFailure> failures_of(const Groups& groups) {
  std::map<const Move*, std::string> labels;
  for (const Group& group : groups.all) {
    for (const Move* move : group.moves) labels[move] = group.label;
  }
  std::vector<SeenFailure> seen;
  for (const Move& move : groups.experiment.moves) {
    if (arrived(move)) continue;
    const auto same = [&](const SeenFailure& other) {
      const Move& known = *other.move;
      if (known.way != move.way || known.workload != move.workload || known.result != move.result ||
          known.source != move.source || known.parameters != move.parameters ||
          known.failure.has_value() != move.failure.has_value()) {
        return false;
      }
      return !move.failure ||
             (known.failure->what == move.failure->what && known.failure->why == move.failure->why);
    };
    const auto found = std::ranges::find_if(seen, same);
    if (found == seen.end()) {
      seen.push_back({&move, 1, labels[&move]});
    } else {
      ++found->times;
    }
  }
  return seen;
}

namespace {

void write_failure(Page& page, const SeenFailure& seen) {
  const Move& move = *seen.move;
  page.html.element("div", {{"class", "failure"}}, [&] {
    std::string heading =
        words(page.language, Word::kFailureHeading, seen.label, move.source, move.target,
              name_word(page.language, NameOf::kResult, move.result));
    if (seen.times > 1)
      heading += fmt::format(" ({})", words(page.language, Word::kFailureTimes, seen.times));
    page.html.element("h3", heading);
    if (!move.failure) return page.html.element("p", page.say(Word::kNoReason));
    page.html.element("p", {{"class", "what"}}, move.failure->what);
    page.html.element("dl", {}, [&] {
      for (const auto& [title, text] : {std::pair{Word::kFailureWhy, move.failure->why},
                                        {Word::kFailureRemedy, move.failure->remedy},
                                        {Word::kFailureHost, move.failure->host},
                                        {Word::kFailureLog, move.failure->log}}) {
        if (text.empty()) continue;
        page.html.element("dt", page.say(title));
        page.html.element("dd", text);
      }
    });
  });
}

}  // namespace

void write_failures(Page& page) {
  const auto seen = failures_of(page.groups);
  if (seen.empty()) return;
  page.section("failures", Word::kFailures, [&] {
    for (const SeenFailure& failure : seen) write_failure(page, failure);
  });
}

void write_targets(Page& page) {
  const Table table = targets_table(page.groups, page.language);
  if (table.empty()) return;
  page.section("targets", Word::kTargets, [&] { write_table(page, table); });
}

namespace {

void write_chart(Page& page, const Chart& chart, size_t index) {
  page.html.element("figure", {{"data-chart", fmt::format("{}", index)}}, [&] {
    page.html.element("figcaption", chart.title);
    page.html.element("div", {{"class", "plot"}, {"role", "img"}, {"aria-label", chart.title}}, "");
    if (chart.legend.empty()) return;
    page.html.element("ul", {{"class", "legend"}}, [&] {
      for (const auto& [name, colour] : chart.legend) {
        page.html.element("li", {}, [&] {
          page.html.element("span", {{"class", "swatch"}, {"style", "background:" + colour}}, "");
          page.html.text(name);
        });
      }
    });
  });
}

void write_place(Page& page, const std::vector<Chart>& charts, Place place) {
  page.html.element("div", {{"class", "charts"}}, [&] {
    for (size_t i = 0; i < charts.size(); ++i) {
      if (charts[i].place == place) write_chart(page, charts[i], i);
    }
  });
}

bool any(const std::vector<Chart>& charts, Place place) {
  return std::ranges::any_of(charts, [&](const Chart& chart) { return chart.place == place; });
}

void write_numbers(Page& page, const Table& table) {
  if (table.empty()) return;
  page.html.element("details", {}, [&] {
    page.html.element("summary", page.say(Word::kShowNumbers));
    write_table(page, table);
  });
}

}  // namespace

void write_charts(Page& page, const std::vector<Chart>& charts) {
  if (any(charts, Place::kSweep)) {
    page.section("sweeps", Word::kSweeps, Word::kSweepNote,
                 [&] { write_place(page, charts, Place::kSweep); });
  }
  if (any(charts, Place::kTimeline)) {
    page.section("timelines", Word::kTimelines, Word::kTimelineNote,
                 [&] { write_place(page, charts, Place::kTimeline); });
  }
  write_pause_split(page);
  const Table latency = latency_table(page.groups, page.language);
  if (any(charts, Place::kDistribution)) {
    page.section("latency", Word::kDistribution, Word::kDistributionNote, [&] {
      write_place(page, charts, Place::kDistribution);
      write_numbers(page, latency);
    });
  } else if (!latency.empty()) {
    page.section("latency", Word::kDistribution, [&] { write_table(page, latency); });
  }
  if (any(charts, Place::kRounds)) {
    page.section("rounds", Word::kRounds, Word::kRoundsNote, [&] {
      write_place(page, charts, Place::kRounds);
      write_numbers(page, rounds_table(page.groups, page.language));
    });
  }
}

}  // namespace ferry::report
