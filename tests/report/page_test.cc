// SPDX-License-Identifier: Apache-2.0
//
// The page in a real browser: every chart has its data on the canvas, in both themes and languages;
// nothing is said on the console; nothing is wider than a phone. The data are those of real moves
// (data/moves.json).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <regex>

#include "report/browser.h"
#include "report/example_experiment.h"
#include "report/experiment_json.h"
#include "report/report.h"

namespace ferry::report {
namespace {

constexpr int kDesktop = 1280, kPhone = 390;  // CSS pixels
constexpr int kLeastInk = 25;                 // pixels that a drawn line has at the very least

Experiment real_experiment() {
  return read_experiment(FERRY_SOURCE_DIR "/tests/report/data/moves.json");
}

// The real moves, made into what this version's moves cannot show yet: rounds, and a second way.
Experiment everything() {
  Experiment experiment = real_experiment();
  Experiment example = full_experiment();
  for (Move& move : example.moves) {
    move.timeline.clear();  // of three points, which are no line
    experiment.moves.push_back(move);
  }
  for (int round = 3; round < 8; ++round) {
    experiment.moves.rbegin()[1].rounds.push_back(
        {round, 200.0 + round, 4, 4096u << (8 - round), 2048});
  }
  return experiment;
}

// The colours that must be on the canvases of a figure of this kind, in their order; the first
// canvas first.
std::vector<std::vector<std::string>> inks_of(const std::string& kind) {
  if (kind == "timeline") return {{"--accent"}, {"--time-0"}, {"--bad"}};
  if (kind == "distribution") return {{"--time-1"}};
  if (kind == "rounds") return {{"--series-0", "--series-1"}};
  return {{"--way-0"}};
}

void expect_drawn(const nlohmann::json& figure) {
  const std::string kind = figure.at("kind");
  EXPECT_GT(figure.at("points"), 0) << kind;
  const auto inks = inks_of(kind);
  const auto& canvases = figure.at("canvases");
  ASSERT_GE(canvases.size(), 1u) << kind;
  ASSERT_LE(canvases.size(), inks.size()) << kind;
  for (size_t i = 0; i < canvases.size(); ++i) {
    EXPECT_GT(canvases[i].at("any"), 1000) << kind;
    for (const std::string& ink : inks[i]) {
      EXPECT_GE(canvases[i].value(ink, 0), kLeastInk)
          << kind << " has nothing in " << ink << ": " << canvases[i];
    }
  }
}

std::map<std::string, int> kinds(const nlohmann::json& probe) {
  std::map<std::string, int> count;
  for (const auto& figure : probe.at("figures")) ++count[figure.at("kind")];
  return count;
}

constexpr const char* kThemes[] = {"dark", "light"};

class PageTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (const std::string why = Browser::missing(); !why.empty()) GTEST_SKIP() << why;
  }

  // What holds of every page, in both themes; returns the light one.
  nlohmann::json open(const Experiment& experiment, int width = kDesktop) const {
    const Seen seen = Browser().open(render_html(experiment, parse_language(GetParam())), width);
    EXPECT_EQ(seen.console, "");
    for (const char* theme : kThemes) {
      SCOPED_TRACE(theme);
      if (!seen.probe.contains(theme)) ADD_FAILURE() << "the page never had this theme";
      if (HasFailure()) return {};
      expect_good(seen.probe.at(theme));
    }
    EXPECT_NE(seen.probe.at("dark").at("background"), seen.probe.at("light").at("background"));
    return seen.probe.at("light");
  }

 private:
  static void expect_good(const nlohmann::json& probe) {
    EXPECT_EQ(probe.at("failures"), "");
    EXPECT_EQ(probe.at("emptyTables"), 0);
    EXPECT_LE(probe.at("overflow"), 0) << "the page is wider than the window";
    EXPECT_TRUE(probe.at("download"));
    EXPECT_EQ(probe.at("drawn"), std::to_string(probe.at("figures").size()));
    for (const auto& figure : probe.at("figures")) expect_drawn(figure);
  }
};

TEST_P(PageTest, RealMovesHaveAllTheirCharts) {
  const nlohmann::json probe = open(everything());
  ASSERT_FALSE(probe.is_null());
  const auto count = kinds(probe);
  EXPECT_EQ(count.at("timeline"), 2);
  EXPECT_GE(count.at("distribution"), 2);
  EXPECT_GE(count.at("sweep"), 4);
  EXPECT_EQ(count.at("rounds"), 1);
  EXPECT_GE(probe.at("tables"), 4);
}

TEST_P(PageTest, FailedMovesAreShownAndHaveNoEmptyCharts) {
  Experiment experiment = real_experiment();
  for (Move& move : experiment.moves) {
    move.result = "failed";
    move.failure = Failure{"cannot restore web", "its file is missing", "copy it", "west", ""};
    move.way = "<img src=x onerror=alert(1)>";
  }
  const nlohmann::json probe = open(experiment, kPhone);
  ASSERT_FALSE(probe.is_null());
  EXPECT_EQ(kinds(probe).at("timeline"), 2);
  EXPECT_FALSE(kinds(probe).contains("sweep"));
  EXPECT_FALSE(kinds(probe).contains("distribution"));
}

TEST_P(PageTest, NoMovesAreNoCharts) {
  const nlohmann::json probe = open(Experiment{});
  ASSERT_FALSE(probe.is_null());
  EXPECT_EQ(probe.at("figures").size(), 0u);
  EXPECT_EQ(probe.at("tables"), 0);
}

TEST_P(PageTest, FitsAPhone) { open(everything(), kPhone); }

INSTANTIATE_TEST_SUITE_P(In, PageTest, ::testing::Values("en", "zh"),
                         [](const auto& one) { return one.param; });

TEST(PrintTest, APageBecomesPaper) {
  if (const std::string why = Browser::missing(); !why.empty()) GTEST_SKIP() << why;
  const std::string pdf =
      Browser().print_to_pdf(render_html(real_experiment(), Language::kEnglish));
  EXPECT_TRUE(pdf.starts_with("%PDF-"));
  EXPECT_GT(pdf.size(), 50000u);
}

// A chart that has lost its data must not pass: the probe itself is tested.
TEST(ProbeTest, SeesAnEmptyCanvas) {
  if (const std::string why = Browser::missing(); !why.empty()) GTEST_SKIP() << why;
  std::string page = render_html(real_experiment(), Language::kEnglish);
  const std::string line =
      "points.worst.push(timeline.worst_ms[i] > 0 ? timeline.worst_ms[i] : null)";
  const size_t at = page.find(line);
  ASSERT_NE(at, page.npos);
  page.replace(at, line.size(), "points.worst.push(null)");
  const std::string call = "applyTheme();\n})();";
  page.replace(page.rfind(call), call.size(), "console.error('spoiled'); applyTheme();\n})();");
  const Seen seen = Browser().open(page, kDesktop);
  EXPECT_NE(seen.console.find("spoiled"), std::string::npos);
  for (const auto& figure : seen.probe.at("light").at("figures")) {
    if (figure.at("kind") != "timeline") continue;
    EXPECT_EQ(figure.at("points"), 0);
    EXPECT_LT(figure.at("canvases").at(0).value("--accent", 0), kLeastInk);
  }
}

}  // namespace
}  // namespace ferry::report
