// SPDX-License-Identifier: Apache-2.0
//
// A small experiment from end to end: on virtual hosts of its own, and over ssh on hosts that are there already.
#include <fmt/format.h>

#include <fstream>

#include "support/move_test.h"

namespace ferry::testing {
namespace {

constexpr const char* kScenario = R"(
description = "Small enough for a test."
workloads = "web_counter"
modes = "stop"
baselines = "criu"
rate = 100
connections = 4
repeat = 1
moves = 2
calm = "2s"  # a load takes a moment to begin, and by hand TCP waits long for its next try
)";

void expect_client_view(const Json& move) {
  EXPECT_GT(move.at("requests"), 60) << move;
  EXPECT_GT(move.at("client_gap_ms"), 10) << move;
  EXPECT_GT(move.at("latency").at("before").at("answered"), 20) << move;
  EXPECT_GT(move.at("latency").at("after").at("answered"), 20) << move;
  EXPECT_GE(move.at("latency").at("during").at("max_ms").get<double>(), move.at("worst_latency_ms").get<double>());
  EXPECT_LT(move.at("timeline").at("at_ms").front(), -300) << "nothing from before the move";
}

void expect_moved(const Json& move, const std::string& from, const std::string& to) {
  EXPECT_EQ(move.at("result"), "moved") << move;
  EXPECT_EQ(move.at("workload"), "web_counter");
  EXPECT_EQ(move.at("engine"), "process");
  EXPECT_EQ(move.at("source"), from);
  EXPECT_EQ(move.at("target"), to);
  EXPECT_EQ(move.at("repetition"), 1);
  EXPECT_EQ(move.at("state_intact"), true) << move.at("state_words");
  EXPECT_EQ(move.at("resets"), 0) << move;
  EXPECT_GT(move.at("memory_bytes"), 1'000'000);
  EXPECT_GT(move.at("bytes_sent"), 1'000'000);
  EXPECT_GT(move.at("total_ms"), 50);
  expect_client_view(move);
}

double phases_ms(const Json& move, bool frozen) {
  double sum = 0;
  for (const Json& phase : move.at("phases")) {
    if (phase.at("frozen") == frozen) sum += phase.at("ms").get<double>();
  }
  return sum;
}

void expect_ferrys(const Json& move) {
  EXPECT_EQ(move.at("via"), "ferry");
  EXPECT_EQ(move.at("mode"), "stop");
  EXPECT_EQ(move.at("steps"), 1);
  const double frozen_ms = move.at("frozen_ms");
  EXPECT_GT(frozen_ms, 5);
  EXPECT_GE(move.at("client_gap_ms"), 0.9 * frozen_ms);  // the client cannot see less
  EXPECT_NEAR(phases_ms(move, true), frozen_ms, 0.3 * frozen_ms + 5);
}

void expect_by_hand(const Json& move) {
  EXPECT_EQ(move.at("via"), "native");
  EXPECT_TRUE(move.at("frozen_ms").is_null());
  EXPECT_GT(move.at("steps"), 3);
  EXPECT_GE(move.at("client_gap_ms"), 0.9 * phases_ms(move, true));
}

TEST(Bench, ASmallScenarioOnVirtualHosts) {
  if (const auto why = why_no_lab(); !why.empty()) GTEST_SKIP() << why;
  const auto directory = std::filesystem::temp_directory_path() / fmt::format("bench-test-{}", ::getpid());
  std::filesystem::create_directory(directory);
  std::ofstream(directory / "small.toml") << kScenario;
  const Result ended = base::run({ferry_program(), "bench", directory / "small.toml", "--layer", lab_layer(), "--json", "-o",
                                  directory / "small.json"});
  const auto written = base::try_read_file(directory / "small.json").value_or("");
  std::filesystem::remove_all(directory);
  ASSERT_EQ(ended.status, 0) << ended.out << ended.err;
  const Json experiment = Json::parse(ended.out);
  EXPECT_EQ(Json::parse(written), experiment);
  EXPECT_EQ(experiment.at("scenario"), "small");
  EXPECT_EQ(experiment.at("hosts").size(), 3U);
  const Json& moves = experiment.at("moves");
  ASSERT_EQ(moves.size(), 4U);
  for (const size_t first : {0, 2}) {
    expect_moved(moves[first], "east", "west");
    expect_moved(moves[first + 1], "west", "east");
  }
  for (const size_t i : {0, 1}) expect_ferrys(moves[i]);
  for (const size_t i : {2, 3}) expect_by_hand(moves[i]);
}

constexpr const char* kWatched = R"(
description = "What is sent again."
workloads = "web_counter"
modes = "stop"
parking = ["on", "off"]
rate = 500
connections = 20
repeat = 1
moves = 2
calm = "2s"
capture = "on"
)";

// Without parking what is sent in the pause is lost, and the capture must show that it was sent again: it is not blind.
TEST(Bench, TheWireIsWatched) {
  if (const auto why = why_no_lab(); !why.empty()) GTEST_SKIP() << why;
  if (!std::filesystem::exists(lab_layer() / "usr/bin/tshark")) {
    GTEST_SKIP() << "there is no tshark in the lab's layer (`make setup` puts it there)";
  }
  const auto file = std::filesystem::temp_directory_path() / fmt::format("watched-{}.toml", ::getpid());
  std::ofstream(file) << kWatched;
  const Result ended = base::run({ferry_program(), "bench", file, "--layer", lab_layer(), "--json"});
  std::filesystem::remove(file);
  ASSERT_EQ(ended.status, 0) << ended.out << ended.err;
  const Json moves = Json::parse(ended.out).at("moves");
  ASSERT_EQ(moves.size(), 4U);
  for (const Json& move : moves) {
    ASSERT_EQ(move.at("result"), "moved") << move;
    EXPECT_EQ(move.at("captured_resets"), 0) << move.at("way");
    if (move.at("way") == "ferry (stop)") {
      EXPECT_LE(move.at("unexplained_retransmissions"), 1) << move.at("frozen_ms");  // in the moment of the takeover one may be lost
    } else {
      EXPECT_GT(move.at("retransmissions"), 0) << move.at("frozen_ms");
    }
  }
}

constexpr const char* kContainers = R"(
description = "Containers."
engines = "runc"
workloads = ["web_counter", "looper"]
modes = "auto"
baselines = "native"
rate = 100
connections = 4
repeat = 1
moves = 2
calm = "2s"
)";

// runc's own way and ferry's: connections, counters and logs go along by either.
TEST(Bench, ContainersByTheirEngineAndByFerry) {
  if (const auto why = why_no_lab(); !why.empty()) GTEST_SKIP() << why;
  if (!std::filesystem::exists(FERRY_BINARY_DIR "/docker/usr/sbin/runc")) GTEST_SKIP() << "there is no runc (tools/get-docker makes it)";
  const auto file = std::filesystem::temp_directory_path() / fmt::format("containers-{}.toml", ::getpid());
  std::ofstream(file) << kContainers;
  const Result ended = base::run({ferry_program(), "bench", file, "--layer", lab_layer(), "--json"});
  const Result nobody = base::run({ferry_program(), "bench", file, "--layer", lab_layer(), "--modes", "none", "--baseline", "criu"});
  std::filesystem::remove(file);
  ASSERT_EQ(ended.status, 0) << ended.out << ended.err;
  const Json moves = Json::parse(ended.out).at("moves");
  ASSERT_EQ(moves.size(), 8U);
  for (const Json& move : moves) {
    EXPECT_EQ(move.at("result"), "moved") << move;
    EXPECT_EQ(move.at("engine"), "runc");
    EXPECT_EQ(move.at("state_intact"), true) << move.at("state_words");
    EXPECT_EQ(move.at("steps") == 1, move.at("via") == "ferry");
    if (move.at("workload") == "web_counter") {
      EXPECT_EQ(move.at("resets"), 0) << move;
    }
  }
  EXPECT_EQ(nobody.status, 2) << nobody.out << nobody.err;
  EXPECT_NE(nobody.err.find("no baseline of criu moves what runs by runc"), std::string::npos) << nobody.err;
}

// The recipe by hand and ferry beside it, of the looper: every way arrives, there and back.
TEST(Bench, TheAssignmentBetweenLikeHosts) {
  if (const auto why = why_no_lab(); !why.empty()) GTEST_SKIP() << why;
  if (!std::filesystem::exists(FERRY_BINARY_DIR "/docker/usr/sbin/dockerd")) GTEST_SKIP() << "there is no docker (tools/get-docker makes it)";
  const auto table = std::filesystem::temp_directory_path() / fmt::format("compatibility-{}.md", ::getpid());
  const Result ended = base::run({ferry_program(), "bench", "assignment", "--layer", lab_layer(), "--hosts", "alike", "--workloads",
                                  "looper", "--repeat", "1", "--json", "--compatibility", table});
  const auto written = base::try_read_file(table).value_or("");
  std::filesystem::remove(table);
  ASSERT_EQ(ended.status, 0) << ended.out << ended.err;
  const Json moves = Json::parse(ended.out).at("moves");
  ASSERT_EQ(moves.size(), 8U);
  for (const Json& move : moves) {
    EXPECT_EQ(move.at("result"), "moved") << move;
    EXPECT_EQ(move.at("state_intact"), true) << move;
    EXPECT_EQ(move.at("parameters").at("hosts"), "alike");
    EXPECT_EQ(move.at("steps") == 1, move.at("via") == "ferry");
  }
  EXPECT_NE(moves[0].at("state_words")[0].get<std::string>().find("docker logs on east ends with"), std::string::npos) << moves[0];
  EXPECT_NE(written.find("| alike | ferry (docker, auto) | 2 moved |"), std::string::npos) << written;
}

using BenchOverSsh = MoveTest;

// This time the client's host runs it, and reaches the others as it would reach real ones.
TEST_F(BenchOverSsh, OnHostsThatAreThereAlready) {
  const std::string east = traces("east"), west = traces("west");
  lab().shell("client", "cat > /tmp/small.toml", kScenario);
  const Result ended = ferry("client", {"bench", "/tmp/small.toml", "--source", "root@east", "--target", "root@west", "--address",
                                        fmt::format("{}/24", kAddress), "--json"});
  ASSERT_EQ(ended.status, 0) << ended.out << ended.err;
  const Json moves = Json::parse(ended.out).at("moves");
  ASSERT_EQ(moves.size(), 4U);
  expect_moved(moves[0], "east", "west");
  expect_ferrys(moves[0]);
  expect_moved(moves[3], "west", "east");
  expect_by_hand(moves[3]);
  expect_traces("east", east);
  expect_traces("west", west);
}

}  // namespace
}  // namespace ferry::testing
