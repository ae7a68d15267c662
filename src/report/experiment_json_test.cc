// SPDX-License-Identifier: Apache-2.0
#include "report/experiment_json.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "report/example_experiment.h"

namespace ferry::report {
namespace {

using nlohmann::ordered_json;

std::string why_not(const std::string& text) {
  try {
    from_json(text);
  } catch (const base::Error& error) {
    EXPECT_FALSE(error.explanation().remedy.empty());
    return error.explanation().why;
  }
  return "(it was read)";
}

TEST(ExperimentJson, GoesThereAndBackWithNothingLost) {
  const ordered_json json = to_json(full_experiment());
  const Experiment read = from_json(json_text(json));
  EXPECT_EQ(json, to_json(read));
  // That the JSON has every field at all: each value of the example is one of its own.
  const Move& move = read.moves.at(0);
  const Move full = full_move();
  EXPECT_EQ(move.parameters, full.parameters);
  EXPECT_EQ(move.failure->log, full.failure->log);
  EXPECT_EQ(move.commands, full.commands);
  EXPECT_EQ(move.steps, full.steps);
  EXPECT_EQ(move.settle_ms, full.settle_ms);
  EXPECT_EQ(move.left_at_resume_bytes, full.left_at_resume_bytes);
  EXPECT_EQ(move.faults, full.faults);
  EXPECT_EQ(move.stream_bytes_per_s, full.stream_bytes_per_s);
  EXPECT_EQ(move.retransmissions, full.retransmissions);
  EXPECT_EQ(move.unexplained_retransmissions, full.unexplained_retransmissions);
  EXPECT_EQ(move.captured_resets, full.captured_resets);
  EXPECT_EQ(move.cpu_ms, full.cpu_ms);
  EXPECT_EQ(move.source_rss_bytes, full.source_rss_bytes);
  EXPECT_EQ(move.target_rss_bytes, full.target_rss_bytes);
  EXPECT_EQ(move.errors_by_kind, full.errors_by_kind);
  EXPECT_EQ(move.state_words, full.state_words);
  EXPECT_EQ(move.time_lost_ms, full.time_lost_ms);
  EXPECT_EQ(move.phases.at(1).frozen, true);
  EXPECT_EQ(move.rounds.at(1).sent_bytes, full.rounds.at(1).sent_bytes);
  EXPECT_EQ(move.during->classes, full.during->classes);
  ASSERT_EQ(move.timeline.size(), 3u);
  EXPECT_EQ(move.timeline.at(1).worst_ms, std::nullopt);
  EXPECT_EQ(move.timeline.at(2).worst_ms, 212.25);
  EXPECT_EQ(read.hosts.at(0).facts.at(1).second, "26.1.5");
  EXPECT_EQ(read.targets.at(1).value, std::nullopt);
  EXPECT_EQ(read.parameters.at(0).numbers, full_experiment().parameters.at(0).numbers);
}

TEST(ExperimentJson, AMoveHasTheFieldsThatArePromisedAlsoWhenTheyAreUnknown) {
  const ordered_json move = to_json(example_move("criu by hand", 1, 5));
  for (const char* name : {"workload", "engine", "mode", "via", "memory_bytes", "frozen_ms",
                           "client_gap_ms", "worst_latency_ms", "total_ms", "bytes_sent", "errors",
                           "resets", "state_intact", "result", "phases"}) {
    EXPECT_TRUE(move.contains(name)) << name;
  }
  EXPECT_TRUE(move.at("frozen_ms").is_null());
  EXPECT_EQ(move.at("client_gap_ms"), 5);
}

TEST(ExperimentJson, AnEmptyExperimentIsOne) {
  EXPECT_TRUE(from_json(json_text(to_json(Experiment{}))).moves.empty());
}

TEST(ExperimentJson, SaysWhichFieldIsWrong) {
  const ordered_json good = to_json(full_experiment());
  const auto spoiled = [&](const char* pointer, ordered_json value) {
    ordered_json bad = good;
    bad[ordered_json::json_pointer(pointer)] = std::move(value);
    return why_not(json_text(bad));
  };
  EXPECT_EQ(spoiled("/moves/1/workload", 7), "moves[1].workload is not a text");
  EXPECT_EQ(spoiled("/moves/0/steps", 1.5), "moves[0].steps is not a whole number");
  EXPECT_EQ(spoiled("/moves/0/errors", -1), "moves[0].errors is negative, or too small");
  EXPECT_EQ(spoiled("/moves/0/repetition", 1ull << 40), "moves[0].repetition is too large");
  EXPECT_EQ(spoiled("/moves/0/phases/1", "x"), "moves[0].phases[1] is not an object");
  EXPECT_EQ(spoiled("/moves/0/latency", 3), "moves[0].latency is not an object");
  EXPECT_EQ(spoiled("/hosts/0/facts/0", {"one"}), "hosts[0].facts[0] is not a pair");
  EXPECT_EQ(spoiled("/moves/0/timeline/due", ordered_json::array()),
            "moves[0] has a timeline whose columns differ in length");
  EXPECT_EQ(spoiled("/parameters/0/numbers", {1}),
            "it has not as many numbers as values in parameters[0]");
  EXPECT_EQ(spoiled("/version", 99), "it has version 99; this ferry reads version 1");
  ordered_json without = good;
  without.at("moves").at(0).erase("result");
  EXPECT_EQ(why_not(json_text(without)), "moves[0].result is missing");
}

TEST(ExperimentJson, DamageIsNoCrash) {
  const std::string good = json_text(to_json(full_experiment()));
  for (size_t length = 0; length < good.size(); length += 7) {
    EXPECT_NE(why_not(good.substr(0, length)), "(it was read)");
  }
  // A byte may be another; what is still JSON of the right shape may be read.
  for (size_t i = 0; i < good.size(); i += 11) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ (1 << (i % 8)));
    EXPECT_NO_FATAL_FAILURE(why_not(bad));
  }
  EXPECT_NE(why_not(std::string(100000, '[')), "(it was read)");
  EXPECT_NE(why_not("{\"scenario\": 1e999}"), "(it was read)");
  EXPECT_EQ(why_not("[]"), "it is not an object");
  EXPECT_EQ(why_not("{}"), "it is not a \"ferry experiment\"");
}

}  // namespace
}  // namespace ferry::report
