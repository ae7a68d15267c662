// SPDX-License-Identifier: Apache-2.0
//
// Tables and the split of the pause, as HTML that needs no script.
#include <fmt/format.h>

#include <algorithm>

#include "report/page.h"
#include "report/quantities.h"

namespace ferry::report {

namespace {

constexpr double kLabelShare = 0.1;  // a narrower part of a bar has no room for its name

bool any_over(const Table& table) {
  return std::ranges::any_of(table.columns, [](const Column& c) { return !c.over.empty(); });
}

// The upper row of titles; a title over several columns once.
void write_over(Page& page, const Table& table) {
  page.html.element("tr", {}, [&] {
    for (size_t i = 0; i < table.columns.size();) {
      const Column& column = table.columns[i];
      size_t span = 1;
      while (!column.over.empty() && i + span < table.columns.size() &&
             table.columns[i + span].over == column.over) {
        ++span;
      }
      if (column.over.empty()) {
        page.html.element(
            "th", {{"rowspan", "2"}, {"scope", "col"}, {"class", column.number ? "number" : ""}},
            column.title);
      } else {
        page.html.element(
            "th", {{"colspan", fmt::format("{}", span)}, {"scope", "colgroup"}, {"class", "over"}},
            column.over);
      }
      i += span;
    }
  });
}

void write_titles(Page& page, const Table& table) {
  const bool over = any_over(table);
  if (over) write_over(page, table);
  page.html.element("tr", {}, [&] {
    for (const Column& column : table.columns) {
      if (over && column.over.empty()) continue;
      page.html.element("th", {{"scope", "col"}, {"class", column.number ? "number" : ""}},
                        column.title);
    }
  });
}

void write_cell(Page& page, const Cell& cell, const Column& column, bool is_first) {
  const std::string kind =
      fmt::format("{} {}", column.number ? "number" : "", tone_class(cell.tone));
  page.html.element(
      is_first ? "th" : "td", {{"class", kind}, {"scope", is_first ? "row" : ""}}, [&] {
        if (cell.colour) {
          page.html.element(
              "span", {{"class", "swatch"}, {"style", "background:" + way_colour(*cell.colour)}},
              "");
        }
        if (cell.text.empty()) {
          page.html.element("span", {{"class", "muted"}}, "–");
        } else {
          page.html.element("span", {{"class", "value"}}, cell.text);
        }
        if (!cell.range.empty()) page.html.element("small", {{"class", "range"}}, cell.range);
        if (cell.bar) {
          page.html.element(
              "span", {{"class", "share"}, {"style", fmt::format("--share:{:.4f}", *cell.bar)}},
              "");
        }
      });
}

}  // namespace

std::string_view tone_class(Tone tone) {
  switch (tone) {
    case Tone::kGood:
      return "good";
    case Tone::kBad:
      return "bad";
    case Tone::kMuted:
      return "muted";
    case Tone::kPlain:
      break;
  }
  return "";
}

void write_table(Page& page, const Table& table) {
  if (table.empty()) return;
  // The frame scrolls; with a keyboard too.
  page.html.element("div", {{"class", "scroll"}, {"tabindex", "0"}, {"role", "region"}}, [&] {
    page.html.element("table", {}, [&] {
      page.html.element("thead", {}, [&] { write_titles(page, table); });
      page.html.element("tbody", {}, [&] {
        for (const auto& row : table.rows) {
          page.html.element("tr", {}, [&] {
            for (size_t i = 0; i < row.size(); ++i) {
              write_cell(page, row[i], table.columns[i], i == 0);
            }
          });
        }
      });
    });
  });
}

void write_head_table(Page& page) {
  const Table table = headline_table(page.groups, page.language);
  if (table.empty()) return;
  page.section("ways", Word::kSideBySide, Word::kSideBySideNote, [&] {
    write_table(page, table);
    if (page.groups.any(measure::gap_ms)) {
      page.html.element("p", {{"class", "note"}}, page.say(Word::kGapNote));
    }
    if (const Table errors = errors_table(page.groups, page.language); !errors.empty()) {
      page.html.element("h3", page.say(Word::kErrorKinds));
      write_table(page, errors);
    }
  });
}

namespace {

struct Bar {
  const Group* group;
  std::vector<std::pair<std::string, double>> parts;
  double sum = 0;
};

void write_bar(Page& page, const Bar& bar, double longest, const PhaseColours& colours) {
  page.html.element("div", {{"class", "bar"}}, [&] {
    page.html.element("div", {{"class", "bar-title"}}, [&] {
      page.html.element("span", bar.group->label);
      page.html.element("strong", text_ms(bar.sum));
    });
    page.html.element("div", {{"class", "bar-scale"}}, [&] {
      page.html.element(
          "span",
          {{"style", fmt::format("width:{:.3f}%;background:{}", 100 * bar.sum / longest,
                                 way_colour(bar.group->way))}},
          "");
    });
    page.html.element("div", {{"class", "bar-parts"}}, [&] {
      for (const auto& [name, ms] : bar.parts) {
        const std::string label = name_word(page.language, NameOf::kPhase, name);
        page.html.element("span",
                          {{"style", fmt::format("flex-grow:{:.4f};background:{}",
                                                 ms / bar.sum * 100, colours.of(name))},
                           {"title", fmt::format("{}: {}", label, text_ms(ms))}},
                          ms / bar.sum >= kLabelShare ? label : "");
      }
    });
  });
}

void write_phase_legend(Page& page, const std::vector<Bar>& bars, const PhaseColours& colours) {
  std::vector<std::string> names;
  for (const Bar& bar : bars) {
    for (const auto& [name, _] : bar.parts) {
      if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    }
  }
  page.html.element("ul", {{"class", "legend"}}, [&] {
    for (const std::string& name : names) {
      page.html.element("li", {}, [&] {
        page.html.element("span",
                          {{"class", "swatch"}, {"style", "background:" + colours.of(name)}}, "");
        page.html.text(name_word(page.language, NameOf::kPhase, name));
      });
    }
  });
}

}  // namespace

void write_pause_split(Page& page) {
  std::vector<Bar> bars;
  for (const Group& group : page.groups.all) {
    Bar bar{&group, pause_split(group)};
    for (const auto& [_, ms] : bar.parts) bar.sum += ms;
    if (bar.sum > 0) bars.push_back(std::move(bar));
  }
  if (bars.empty()) return;
  const PhaseColours colours(page.groups);
  page.section("pause", Word::kPauseSplit, Word::kPauseSplitNote, [&] {
    page.html.element("div", {{"class", "bars"}, {"data-bars", fmt::format("{}", bars.size())}},
                      [&] {
                        const double longest = std::ranges::max(bars, {}, &Bar::sum).sum;
                        for (const Bar& bar : bars) write_bar(page, bar, longest, colours);
                      });
    write_phase_legend(page, bars, colours);
    page.html.element("details", {}, [&] {
      page.html.element("summary", page.say(Word::kShowNumbers));
      write_table(page, pause_table(page.groups, page.language));
    });
  });
}

}  // namespace ferry::report
