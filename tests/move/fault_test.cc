// SPDX-License-Identifier: Apache-2.0
//
// A failure at any named point before the commit, on either host: the workload goes on where it was, nothing is left
// behind, and the next move works.
#include <fmt/format.h>

#include <fstream>
#include <regex>
#include <set>

#include "support/unharmed_test.h"

namespace ferry::testing {
namespace {

const std::set<std::string> kBeforeTheCommit = {
    "source.connected", "source.planned", "source.prepared", "source.round",  "source.chunk",     "source.before_freeze", "source.frozen",    "source.post_dump", "source.dumped",
    "source.sent",      "source.restored", "target.preparing", "target.ready",         "target.restoring", "target.restored",
    "target.chunk",
};
const std::set<std::string> kOfContainers = {"target.created",   // DockerTest
                                             "target.defined"};                   // PodmanTest
// Committed, and taken back: it has not run there.
const std::set<std::string> kAtTheLastGate = {"target.opening"};
const std::set<std::string> kAfterTheCommit = {"source.committed", "source.granted", "source.done", "target.resuming", "target.running"};

const std::set<std::string> kOfPostCopy = {"source.serving", "target.pulling", "target.arrived"};  // PostCopyFaults, of memory_test.cc
const std::set<std::string> kOfTakingBack = {"source.taken_back", "target.taken_back"};  // TakenBackFaults

// A point that somebody adds must be added here.
TEST(FaultPoints, AreAllKnownHere) {
  std::set<std::string> found;
  const std::regex point("FAULT_POINT\\(\"([a-z._]+)\"\\)");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(FERRY_SOURCE_DIR "/src")) {
    const std::string name = entry.path().filename();
    if (!name.ends_with(".cc") || name.ends_with("_test.cc")) continue;
    const std::string text = base::read_file(entry.path());
    for (std::sregex_iterator match(text.begin(), text.end(), point), end; match != end; ++match) found.insert((*match)[1]);
  }
  std::set<std::string> known = kBeforeTheCommit;
  known.insert(kOfContainers.begin(), kOfContainers.end());
  known.insert(kAtTheLastGate.begin(), kAtTheLastGate.end());
  known.insert(kAfterTheCommit.begin(), kAfterTheCommit.end());
  known.insert(kOfPostCopy.begin(), kOfPostCopy.end());
  known.insert(kOfTakingBack.begin(), kOfTakingBack.end());
  EXPECT_EQ(found, known);
}

class FaultTest : public UnharmedTest, public ::testing::WithParamInterface<std::string> {};

TEST_P(FaultTest, LeavesTheWorkloadUnharmed) {
  expect_no_move({"web", "root@west"}, 1, "fault injected at " + GetParam(), GetParam() + "=fail");
  expect_next_move_works();
}

std::string name_of_point(const ::testing::TestParamInfo<std::string>& one) { return std::regex_replace(one.param, std::regex("[._]"), ""); }
INSTANTIATE_TEST_SUITE_P(, FaultTest, ::testing::ValuesIn(kBeforeTheCommit), name_of_point);
INSTANTIATE_TEST_SUITE_P(LastGate, FaultTest, ::testing::ValuesIn(kAtTheLastGate), name_of_point);

struct Spoilt {
  std::string fault;
  std::string mode;
};

class StreamTest : public UnharmedTest, public ::testing::WithParamInterface<Spoilt> {};

// The Nth frame that either side sends: of the clocks, the plan, the rounds, the log, and among the images. The last one that is
// always before the commit is the 12th in stop mode; how many the rounds need is different each time.
TEST_P(StreamTest, SpoiltOnTheWayLeavesTheWorkloadUnharmed) {
  const Result result =
      expect_no_move({"web", "root@west", "--mode", GetParam().mode}, 1, "", "channel.frame=" + GetParam().fault);
  EXPECT_TRUE(std::regex_search(result.err, std::regex("damaged|checksum|connection|frame"))) << result.err;
  expect_next_move_works();
}

INSTANTIATE_TEST_SUITE_P(, StreamTest,
                         ::testing::Values(Spoilt{"corrupt@1", "auto"}, Spoilt{"corrupt@9", "auto"}, Spoilt{"corrupt@14", "auto"},
                                           Spoilt{"truncate@9", "auto"}, Spoilt{"truncate@14", "auto"}, Spoilt{"corrupt@10", "stop"},
                                           Spoilt{"corrupt@11", "stop"}, Spoilt{"corrupt@12", "stop"}, Spoilt{"truncate@1", "stop"},
                                           Spoilt{"truncate@10", "stop"}, Spoilt{"truncate@12", "stop"}),
                         [](const auto& one) { return std::regex_replace(one.param.fault, std::regex("@"), "") + one.param.mode; });

}  // namespace
}  // namespace ferry::testing
