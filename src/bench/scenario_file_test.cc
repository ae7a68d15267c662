// SPDX-License-Identifier: Apache-2.0
#include "bench/scenario_file.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "bench/ways.h"

namespace ferry::bench {
namespace {

Scenario parse(std::string_view text) { return parse_scenario(text, "some/mine.toml"); }

// What the reader says to it, whole.
std::string complaint(std::string_view text) {
  try {
    parse(text);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.exit(), base::Exit::kUsage);
    const auto& words = error.explanation();
    return words.what + " | " + words.why + " | " + words.remedy;
  }
  return "none";
}

TEST(ScenarioFile, ReadsEverySetting) {
  const Scenario scenario = parse(R"(
# a comment
description = "what it is for"
workloads = ["redis", "web_counter"]
engines = ["process", "runc"]
memory = ["64MiB", "1GiB"]
modes = "stop"
baselines = ["criu"]
connections = [1, 200]
rate = 500
repeat = 7
moves = 20
calm = "1.5s"
[link]
rate = ["1gbit", "none"]
delay = "0.5ms"
[[wanted]]
measure = "client_gap_ms"
of = { mode = "stop", memory = "largest" }
over = { memory = "64 MiB" }
every = true
at_most = 1.5
)");
  ASSERT_EQ(scenario.wanted.size(), 1u);
  EXPECT_EQ(scenario.wanted[0].measure, "client_gap_ms");
  EXPECT_EQ(scenario.wanted[0].of, (Selection{{"mode", "stop"}, {"memory", "largest"}}));
  EXPECT_EQ(scenario.wanted[0].over, (Selection{{"memory", "64 MiB"}}));
  EXPECT_TRUE(scenario.wanted[0].every);
  EXPECT_EQ(scenario.wanted[0].limit, 1.5);
  EXPECT_EQ(scenario.name, "mine");
  EXPECT_EQ(scenario.description, "what it is for");
  EXPECT_EQ(scenario.workloads, (std::vector<std::string>{"redis", "web_counter"}));
  EXPECT_EQ(scenario.engines, (std::vector<std::string>{"process", "runc"}));
  EXPECT_EQ(scenario.memory_bytes, (std::vector<uint64_t>{64u << 20, 1u << 30}));
  EXPECT_EQ(scenario.modes, std::vector<std::string>{"stop"});
  EXPECT_EQ(scenario.baselines, std::vector<std::string>{"criu"});
  EXPECT_EQ(scenario.connections, (std::vector<int>{1, 200}));
  EXPECT_EQ(scenario.link_bytes_per_second, (std::vector<uint64_t>{125'000'000, 0}));
  EXPECT_EQ(scenario.link_delay, std::vector{std::chrono::nanoseconds(500'000)});
  EXPECT_EQ(scenario.rate, 500);
  EXPECT_EQ(scenario.repeat, 7);
  EXPECT_EQ(scenario.moves, 20);
  EXPECT_EQ(scenario.calm, base::milliseconds(1'500));
}

TEST(ScenarioFile, WhatItDoesNotSayHasADefault) {
  const Scenario scenario = parse("");
  EXPECT_EQ(scenario.workloads, std::vector<std::string>{"web_counter"});
  EXPECT_EQ(scenario.engines, std::vector<std::string>{"process"});
  EXPECT_EQ(scenario.modes, ferry_modes());
  EXPECT_TRUE(scenario.baselines.empty());
}

// Each engine's containers go by ferry and by their own way.
TEST(ScenarioFile, EveryEngineHasItsWays) {
  const std::vector<std::string> all{"runc", "crun", "podman", "podman-bridge", "docker"};
  for (const auto& engine : all) {
    auto scenario = parse("engines = \"" + engine + "\"\nbaselines = \"native\"");
    EXPECT_EQ(ways_of(scenario).size(), ferry_modes().size() + 1) << engine;
    scenario.baselines = {"criu"};  // of processes
    EXPECT_EQ(ways_of(scenario).size(), ferry_modes().size()) << engine;
  }
}

TEST(ScenarioFile, ComplaintsNameTheLineAndWhatIsAllowed) {
  EXPECT_EQ(complaint("rate = 5\n\nrepeat = 0\n"),
            "cannot use the scenario some/mine.toml:3 | repeat: \"0\" is none of them | "
            "allowed: a number from 1 to 1000");
  EXPECT_EQ(complaint("workloads = [\"redis\", \"apache\"]"),
            "cannot use the scenario some/mine.toml:1 | workloads: \"apache\" is none of them | "
            "allowed: looper, compute, web_counter, memory_writer, nginx, redis, postgres");
}

TEST(ScenarioFile, RefusesWhatItDoesNotKnow) {
  const auto has = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_TRUE(has(complaint("speed = 5"), "there is no setting \"speed\""));
  EXPECT_TRUE(has(complaint("speed = 5"), "allowed: description, workloads"));
  EXPECT_TRUE(has(complaint("\nrate = = 5"), "mine.toml:2"));
  EXPECT_TRUE(has(complaint("[link]\nspeed = 5"), "mine.toml:2"));
  EXPECT_TRUE(has(complaint("modes = \"warp\""), "this ferry has no mode \"warp\""));
  EXPECT_TRUE(has(complaint("baselines = \"warp\""), "no baseline \"warp\""));
  EXPECT_TRUE(has(complaint("engines = \"lxc\""), "allowed: process, runc, crun, podman, podman-bridge, docker"));
  EXPECT_TRUE(has(complaint("modes = \"none\""), "nothing is left to be moved by"));
  EXPECT_TRUE(has(complaint("memory = 64"), "none of the workloads has a dial"));
  EXPECT_TRUE(has(complaint("[link]\nrate = 100"), "rates such as"));
  EXPECT_TRUE(has(complaint("rate = [1, 2]"), "cannot be a list"));
  EXPECT_TRUE(has(complaint("connections = []"), "the list is empty"));
  EXPECT_TRUE(has(complaint("connections = [1, 1]"), "twice"));
  EXPECT_TRUE(has(complaint("connections = [true]"), "neither text nor a number"));
  EXPECT_TRUE(has(complaint("connections = [1.5]"), "none of them"));
  EXPECT_TRUE(has(complaint("[[wanted]]\nmeasure = \"speed\"\nat_most = 1"), "there is no measure \"speed\""));
  EXPECT_TRUE(has(complaint("[[wanted]]\nmeasure = \"errors\""), "it has no limit"));
  EXPECT_TRUE(has(complaint("[[wanted]]\nmeasure = \"errors\"\nat_most = \"x\""), "\"at_most\" is not as it must be"));
}

TEST(ScenarioFile, ThoseThatComeWithFerryCanBeRead) {
  for (const auto& entry : std::filesystem::directory_iterator(FERRY_SOURCE_DIR "/scenarios")) {
    const Scenario scenario = parse_scenario(base::read_file(entry.path()), entry.path());
    EXPECT_FALSE(scenario.description.empty()) << entry.path();
    EXPECT_FALSE(cells_of(scenario).empty()) << entry.path();
  }
}

TEST(ScenarioFile, AnUnknownNameIsRefusedWithTheWayOut) {
  try {
    load_scenario("no-such");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.exit(), base::Exit::kUsage);
    EXPECT_EQ(error.explanation().what, "there is no scenario \"no-such\"");
    EXPECT_NE(error.explanation().remedy.find("by its path"), std::string::npos);
  }
}

}  // namespace
}  // namespace ferry::bench
