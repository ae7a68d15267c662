// SPDX-License-Identifier: Apache-2.0
//
// The page as a whole. What can be read without a script is written here; the script only draws.
#include <fmt/format.h>

#include "report/assets.h"
#include "report/experiment_json.h"
#include "report/page.h"
#include "report/report.h"

namespace ferry::report {

namespace {

using nlohmann::ordered_json;

// Before anything is painted, so that a dark page does not flash white.
constexpr std::string_view kThemeScript =
    "try{const t=localStorage.getItem('ferry-theme');"
    "if(t==='light'||t==='dark')document.documentElement.dataset.theme=t}catch{}";

void write_head(Page& page) {
  Html& html = page.html;
  html.element("head", {}, [&] {
    html.trusted(
        "<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n"
        "<link rel=\"icon\" href=\"data:,\">\n");
    html.element("title", fmt::format("{} · {}", page.groups.experiment.scenario,
                                      page.say(Word::kReportTitle)));
    html.trusted(fmt::format("<style>\n{}\n{}</style>\n<script>{}</script>\n", assets::plot_style(),
                             assets::page_style(), kThemeScript));
  });
}

void write_header(Page& page) {
  const Experiment& experiment = page.groups.experiment;
  page.html.element("header", {}, [&] {
    page.html.element("div", {{"class", "top"}}, [&] {
      page.html.element("p", {{"class", "kicker"}}, page.say(Word::kReportTitle));
      page.html.element("button",
                        {{"type", "button"},
                         {"id", "theme"},
                         {"hidden", "hidden"},
                         {"data-name", page.say(Word::kTheme)},
                         {"data-auto", page.say(Word::kThemeAuto)},
                         {"data-light", page.say(Word::kThemeLight)},
                         {"data-dark", page.say(Word::kThemeDark)}},
                        "");
    });
    page.html.element("h1", experiment.scenario.empty() ? page.say(Word::kExperiment)
                                                        : std::string_view(experiment.scenario));
    if (!experiment.description.empty()) {
      page.html.element("p", {{"class", "lead"}}, experiment.description);
    }
    std::vector<std::string> parts;
    if (!experiment.machine.date.empty()) parts.push_back(experiment.machine.date);
    const size_t count = experiment.moves.size();
    parts.push_back(count == 1 ? std::string(page.say(Word::kOneMove))
                               : words(page.language, Word::kMovesCount, count));
    if (!experiment.load.empty()) parts.push_back(experiment.load);
    page.html.element("p", {{"class", "meta"}}, fmt::format("{}", fmt::join(parts, " · ")));
  });
}

void write_contents(Page& page, const std::vector<std::pair<std::string, std::string>>& contents) {
  page.html.element("nav", {{"aria-label", page.say(Word::kContents)}}, [&] {
    for (const auto& [id, title] : contents) {
      page.html.element("a", {{"href", "#" + id}}, title);
    }
  });
}

void write_raw(Page& page) {
  const std::string name = fmt::format("{}.json", page.groups.experiment.scenario.empty()
                                                      ? "experiment"
                                                      : page.groups.experiment.scenario);
  page.section("raw", Word::kRawData, Word::kRawDataNote, [&] {
    page.html.element(
        "a", {{"id", "download"}, {"class", "button"}, {"hidden", "hidden"}, {"download", name}},
        page.say(Word::kDownload));
  });
}

void write_scripts(Page& page, const std::vector<Chart>& charts) {
  auto data = ordered_json::array();
  for (const Chart& chart : charts) data.push_back(chart.data);
  page.html.trusted(fmt::format(
      "<script type=\"application/json\" id=\"experiment\">{}</script>\n"
      "<script type=\"application/json\" id=\"charts\">{}</script>\n",
      escape_script(json_text(to_json(page.groups.experiment))), escape_script(json_text(data))));
  page.html.trusted(fmt::format("<script>\n/*\n{}\n*/\n{}\n</script>\n<script>\n{}</script>\n",
                                assets::plot_license(), assets::plot_script(),
                                assets::page_script()));
}

// The sections are written first: the contents list those that there are.
void write_sections(Page& page, const std::vector<Chart>& charts) {
  write_findings(page);
  write_failures(page);
  write_head_table(page);
  write_targets(page);
  write_charts(page, charts);
  write_conditions(page);
  write_raw(page);
}

}  // namespace

std::string render_html(const Experiment& experiment, Language language) {
  const Groups groups(experiment);
  const std::vector<Chart> charts = charts_of(groups, language);
  Page sections{groups, language, {}, {}};
  write_sections(sections, charts);
  Page page{groups, language, {}, {}};
  const std::string_view code = language == Language::kChinese ? "zh-CN" : "en";
  page.html.trusted("<!DOCTYPE html>\n");
  page.html.element("html", {{"lang", code}}, [&] {
    write_head(page);
    page.html.element("body", {}, [&] {
      page.html.element("main", {}, [&] {
        write_header(page);
        write_contents(page, sections.contents);
        if (!charts.empty()) page.html.element("noscript", page.say(Word::kNeedsScript));
        page.html.trusted(sections.html.take());
        page.html.element("footer", words(language, Word::kFooter, experiment.ferry_version));
      });
      write_scripts(page, charts);
    });
  });
  return page.html.take();
}

}  // namespace ferry::report
