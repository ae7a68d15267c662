// SPDX-License-Identifier: Apache-2.0
//
// The workloads that prove themselves, moved.
#include <fmt/format.h>

#include "support/move_test.h"

namespace ferry::testing {
namespace {

class MovedWorkloads : public MoveTest {
 protected:
  static std::string workload(const char* name) {
    return fmt::format("{}/{}", FERRY_BINARY_DIR, name);
  }
  std::string last_line(const std::string& host, const std::string& name) const {
    const std::string log = ferry(host, {"logs", name}).out;
    const size_t end = log.rfind('\n');
    if (end == std::string::npos) return "";
    const size_t before = end == 0 ? std::string::npos : log.rfind('\n', end - 1);
    return log.substr(before == std::string::npos ? 0 : before + 1);
  }
};

TEST_F(MovedWorkloads, MemoryThatIsBeingWrittenArrivesWhole) {
  run("east", "writer", {"--ip", fmt::format("{}/24", kAddress)},
      {workload("memory_writer"), "--size", "64MiB", "--hot", "16MiB", "--rate", "40MB/s", "--port",
       std::to_string(kPort)});
  ASSERT_TRUE(comes_true([&] {
    return ferry("east", {"logs", "writer"}).out.starts_with("READY");
  }));
  Connection open = connect();
  const std::string identity = open.get("/id");
  for (const auto& [from, to] : {std::pair("east", "west"), std::pair("west", "east")}) {
    const int before = std::stoi(open.get("/writes"));
    ASSERT_FALSE(move("writer", from, to).is_null());
    EXPECT_TRUE(comes_true([&] { return std::stoi(open.get("/writes")) > before + 4096; }));
    EXPECT_TRUE(open.get("/verify").starts_with("0 16384 ")) << open.get("/verify");
    EXPECT_EQ(open.get("/id"), identity);
  }
}

TEST_F(MovedWorkloads, ComputationIsRightAndKnowsThePause) {
  run("east", "compute", {}, {workload("compute"), "--report", "0.2"});
  ASSERT_TRUE(comes_true([&] { return !last_line("east", "compute").empty(); }));
  // Long enough that the milliseconds which either clock is late by are few of it.
  const auto moved = ferry("east", {"move", "compute", "root@west", "--json"}, "source.dumped=stall:300");
  ASSERT_EQ(moved.status, 0) << moved.out << moved.err;
  const auto report = Json::parse(moved.out);
  ASSERT_GE(report.at("frozen_ms").get<double>(), 300);
  const std::string then = last_line("west", "compute");
  ASSERT_TRUE(comes_true([&] { return last_line("west", "compute") != then; }));
  const std::string now = last_line("west", "compute");
  EXPECT_NE(now.find("right=yes"), std::string::npos) << now;
  const size_t at = now.find("longest_ms=");
  ASSERT_NE(at, std::string::npos) << now;
  // Its own clock, which went on, has seen at least what ferry says it was frozen for.
  EXPECT_GE(std::stod(now.substr(at + 11)), report.at("frozen_ms").get<double>() * 0.9) << now;
}

}  // namespace
}  // namespace ferry::testing
