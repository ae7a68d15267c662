// SPDX-License-Identifier: Apache-2.0
//
// What is written, without a browser: nothing from data is markup, what is not there is not shown,
// each format is itself. tests/report opens the page.
#include "report/report.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <regex>

#include "base/error.h"
#include "report/assets.h"
#include "report/example_experiment.h"
#include "report/experiment_json.h"

namespace ferry::report {
namespace {

constexpr const char* kHostile = "<script>alert(1)</script>\"'&</style>|`x`\n=1+1";

Experiment hostile_experiment() {
  Experiment experiment = full_experiment();
  experiment.scenario = experiment.description = experiment.command = experiment.load = kHostile;
  experiment.notes = experiment.links = {kHostile};
  experiment.hosts = {{kHostile, {{kHostile, kHostile}}}};
  experiment.targets.at(0).text = kHostile;
  for (Move& move : experiment.moves) {
    move.workload = move.engine = move.mode = move.via = move.way = kHostile;
    move.source = move.target = kHostile;
    move.result = "failed";
    move.failure = Failure{kHostile, kHostile, kHostile, kHostile, kHostile};
    move.commands = move.state_words = {kHostile};
    move.errors_by_kind = {{kHostile, 3}};
    for (Phase& phase : move.phases) phase.name = kHostile;
  }
  experiment.moves.push_back(experiment.moves.back());
  experiment.moves.back().result = "moved";
  return experiment;
}

TEST(Html, NothingFromDataIsMarkup) {
  for (const Language language : {Language::kEnglish, Language::kChinese}) {
    const std::string page = render_html(hostile_experiment(), language);
    EXPECT_EQ(page.find("<script>alert"), page.npos);
    EXPECT_EQ(page.find("'&</style>"), page.npos);
    EXPECT_NE(page.find("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"), page.npos);
    EXPECT_NE(page.find("\\u003cscript>alert(1)"), page.npos) << "in the data it is escaped, too";
  }
}

TEST(Html, BytesThatAreNoTextDoNotReachThePage) {
  Experiment experiment = full_experiment();
  experiment.moves.at(0).way = "a\xff\x01b";
  const std::string page = render_html(experiment, Language::kEnglish);
  EXPECT_EQ(page.find('\xff'), page.npos);
  EXPECT_EQ(page.find('\x01'), page.npos);
}

TEST(Html, AsksForNothingFromTheNetwork) {
  const std::string page = render_html(full_experiment(), Language::kEnglish);
  // Comments and the licence of uPlot name addresses; nothing may load one.
  EXPECT_FALSE(std::regex_search(page, std::regex("(src|href)=\"(https?:)?//")));
  EXPECT_EQ(page.find("@import"), page.npos);
  EXPECT_EQ(page.find("fetch("), page.npos);
  EXPECT_FALSE(std::regex_search(std::string(assets::page_style()), std::regex("url\\(")));
}

TEST(Html, TheDataInItIsTheExperiment) {
  const Experiment experiment = full_experiment();
  const std::string page = render_html(experiment, Language::kEnglish);
  const std::string begin = "<script type=\"application/json\" id=\"experiment\">";
  const size_t from = page.find(begin) + begin.size();
  const std::string data = page.substr(from, page.find("</script>", from) - from);
  EXPECT_EQ(to_json(from_json(data)), to_json(experiment));
}

TEST(Html, WhatIsNotThereIsNotShown) {
  const std::string page = render_html(Experiment{}, Language::kEnglish);
  EXPECT_NE(page.find("There are no moves in this experiment."), page.npos);
  for (const char* absent :
       {"<figure", "<table", "id=\"failures\"", "id=\"timelines\"", "<noscript"}) {
    EXPECT_EQ(page.find(absent), page.npos) << absent;
  }
  EXPECT_NE(render_html(full_experiment(), Language::kEnglish).find("<figure"), page.npos);
}

TEST(Html, EveryTagIsClosed) {
  const std::string page = render_html(hostile_experiment(), Language::kChinese);
  for (const char* tag :
       {"div", "section", "table", "tr", "td", "th", "ul", "li", "dl", "figure", "main"}) {
    const auto count = [&](const std::string& pattern) {
      const std::regex expression(pattern);
      return std::distance(std::sregex_iterator(page.begin(), page.end(), expression), {});
    };
    EXPECT_EQ(count(std::string("<") + tag + "[ >]"), count(std::string("</") + tag + ">")) << tag;
  }
}

// Commands stand as they are between fences.
std::string without_fences(std::string text) {
  const std::string fence = "\n```\n";
  for (size_t from; (from = text.find(fence)) != text.npos;) {
    const size_t to = text.find(fence, from + 1);
    if (to == text.npos) break;
    text.erase(from, to + fence.size() - 1 - from);
  }
  return text;
}

TEST(Markdown, HasTablesAndNoMarkupFromData) {
  const std::string all = render_markdown(hostile_experiment(), Language::kEnglish);
  const std::string text = without_fences(all);
  EXPECT_LT(text.size(), all.size());
  EXPECT_EQ(text.find("<script>"), text.npos);
  EXPECT_NE(text.find("\\<script\\>"), text.npos);
  for (const Language language : {Language::kEnglish, Language::kChinese}) {
    std::istringstream lines(render_markdown(full_experiment(), language));
    size_t columns = 0, tables = 0;
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with('|')) {
        columns = 0;
        continue;
      }
      const size_t bars = std::ranges::count(line, '|');
      if (columns == 0) ++tables;
      if (columns != 0) {
        EXPECT_EQ(bars, columns) << line;
      }
      columns = bars;
    }
    EXPECT_GE(tables, 6u);
  }
}

TEST(Csv, HasOneRowPerMoveAndNoFormulas) {
  const std::string text = render_csv(full_experiment());
  EXPECT_EQ(std::ranges::count(text, '\n'), 3);
  EXPECT_TRUE(text.starts_with("workload,engine,mode,via,way,repetition,source,target,result,"));
  EXPECT_NE(
      text.find(
          "web_counter,process,stop,ferry,ferry (stop),1,east,west,moved,67108864,48.375,214.125"),
      text.npos)
      << text;
  Experiment experiment = full_experiment();
  experiment.moves.at(0).way = "=cmd|x, \"y\"";
  EXPECT_NE(render_csv(experiment).find(",\"'=cmd|x, \"\"y\"\"\","), text.npos);
  EXPECT_EQ(std::ranges::count(render_csv(Experiment{}), '\n'), 1);
}

TEST(Csv, TheTimelineHasOneRowPerStep) {
  const std::string text = render_timeline_csv(full_experiment());
  EXPECT_EQ(std::ranges::count(text, '\n'), 4);
  EXPECT_NE(text.find("0,ferry (stop),1,0,2,0,1,\r\n"), text.npos) << text;
  EXPECT_NE(text.find("0,ferry (stop),1,10,2,3,0,212.25\r\n"), text.npos) << text;
}

TEST(WriteReport, GoesByTheExtension) {
  const base::Path directory = std::filesystem::temp_directory_path() / "ferry-report-test";
  std::filesystem::create_directories(directory);
  const Experiment experiment = full_experiment();
  for (const auto& [name, begin] : {std::pair{"r.html", "<!DOCTYPE html>"},
                                    {"r.md", "# What"},
                                    {"r.json", "{"},
                                    {"r.csv", "workload,"},
                                    {"r.timeline.csv", "move,"}}) {
    write_report(experiment, directory / name, Language::kEnglish);
    EXPECT_TRUE(base::read_file(directory / name).starts_with(begin)) << name;
  }
  EXPECT_EQ(to_json(read_experiment(directory / "r.json")), to_json(experiment));
  EXPECT_THROW(write_report(experiment, directory / "r.pdf", Language::kEnglish), base::Error);
  EXPECT_THROW(write_report(experiment, directory / "none" / "r.html", Language::kEnglish),
               base::Error);
  EXPECT_THROW(read_experiment(directory / "missing.json"), base::Error);
  std::filesystem::remove_all(directory);
}

// The themes' variables: name → #rrggbb.
std::map<std::string, std::string> variables(const std::string& selector) {
  const std::string style(assets::page_style());
  const size_t from = style.find(selector), to = style.find('}', from);
  std::map<std::string, std::string> found;
  const std::string block = style.substr(from, to - from);
  const std::regex expression("--([a-z0-9-]+): (#[0-9a-f]{6})");
  for (std::sregex_iterator at(block.begin(), block.end(), expression), end; at != end; ++at) {
    found[(*at)[1]] = (*at)[2];
  }
  return found;
}

// WCAG 2: relative luminance and contrast.
double luminance(const std::string& colour) {
  double sum = 0;
  const double weights[] = {0.2126, 0.7152, 0.0722};
  for (int i = 0; i < 3; ++i) {
    const double part = std::stoi(colour.substr(1 + 2 * i, 2), nullptr, 16) / 255.0;
    sum += weights[i] * (part <= 0.04045 ? part / 12.92 : std::pow((part + 0.055) / 1.055, 2.4));
  }
  return sum;
}
double contrast(const std::string& a, const std::string& b) {
  const auto [low, high] = std::minmax({luminance(a), luminance(b)});
  return (high + 0.05) / (low + 0.05);
}

TEST(Style, ColoursCanBeToldFromTheirGround) {
  for (const char* theme : {":root {", ":root[data-theme=\"dark\"] {"}) {
    auto colours = variables(theme);
    ASSERT_GT(colours.size(), 30u) << theme;
    for (const char* text : {"ink", "muted", "accent", "good", "bad"}) {
      for (const char* ground : {"page", "paper"}) {
        EXPECT_GE(contrast(colours.at(text), colours.at(ground)), 4.5) << theme << text << ground;
      }
    }
    EXPECT_GE(contrast(colours.at("ink"), colours.at("bad-paper")), 4.5);
    for (const auto& [name, value] : colours) {
      if (name.starts_with("phase-")) {
        EXPECT_GE(contrast(colours.at("on-phase"), value), 4.5) << theme << name;
      }
      const bool drawn = name.starts_with("phase-") || name.starts_with("way-") ||
                         name.starts_with("calm-") || name.starts_with("time-") ||
                         name.starts_with("series-");
      if (drawn) {
        EXPECT_GE(contrast(value, colours.at("paper")), 3) << theme << name;
      }
    }
  }
}

}  // namespace
}  // namespace ferry::report
