// SPDX-License-Identifier: Apache-2.0
//
// The program of the assignment: it prints the next number once a period. After a move its log is whole on the other host.
#include <fmt/format.h>

#include <sstream>

#include "support/move_test.h"

namespace ferry::testing {
namespace {

class LooperTest : public MoveTest {
 protected:
  void run_looper() const { run("east", "looper", {}, {"/usr/bin/python3", program("looper.py"), "50"}); }
  std::string log_on(const std::string& host) const { return ferry(host, {"logs", "looper"}).out; }
  bool has_line(const std::string& host, int number) const {
    return log_on(host).find(fmt::format("{:04} -> ", number)) != std::string::npos;
  }
};

// Lines "0000 -> ID", "0001 -> ID", … with the same id, none skipped, none twice. Returns how many.
int expect_counting(const std::string& log) {
  std::istringstream lines(log);
  int expected = 0;
  std::string identity;
  for (std::string line; std::getline(lines, line); ++expected) {
    if (expected == 0) identity = line.substr(std::min<size_t>(4, line.size()));
    EXPECT_EQ(line, fmt::format("{:04}{}", expected, identity));
    if (line != fmt::format("{:04}{}", expected, identity)) break;
  }
  return expected;
}

TEST_F(LooperTest, GoesOnWithTheNextNumber) {
  run_looper();
  ASSERT_TRUE(comes_true([&] { return has_line("east", 5); }));
  ASSERT_FALSE(move("looper", "east", "west").is_null());
  ASSERT_TRUE(comes_true([&] { return has_line("west", 25); }));
  EXPECT_GE(expect_counting(log_on("west")), 26);
  ASSERT_FALSE(move("looper", "west", "east").is_null());  // over the log that it left there
  ASSERT_TRUE(comes_true([&] { return has_line("east", 45); }));
  EXPECT_GE(expect_counting(log_on("east")), 46);
}

// Without an address of its own too, a move that fails leaves it counting.
TEST_F(LooperTest, GoesOnHereAfterAFailedMove) {
  run_looper();
  ASSERT_TRUE(comes_true([&] { return has_line("east", 5); }));
  EXPECT_EQ(ferry("east", {"move", "looper", "root@west"}, "target.restored=fail").status, 1);
  const int so_far = expect_counting(log_on("east"));
  ASSERT_TRUE(comes_true([&] { return has_line("east", so_far + 10); }));
  expect_counting(log_on("east"));
}

TEST_F(LooperTest, FollowingItsLogEndsWithWhereItWent) {
  run_looper();
  Background follower = lab().start("east", {"bash", "-c", "ferry logs -f looper 2>&1; echo \"status $?\""});
  ASSERT_TRUE(follower.read_line()->starts_with("0000 -> "));
  ASSERT_FALSE(move("looper", "east", "west").is_null());
  std::string line, before;
  int expected = 1;
  while (const auto next = follower.read_line()) {
    before = line;
    line = *next;
    if (line.starts_with(fmt::format("{:04} -> ", expected))) ++expected;
    if (line.starts_with("status")) break;
  }
  EXPECT_EQ(line, "status 3");
  EXPECT_NE(before.find("ssh west ferry"), std::string::npos) << before;
  EXPECT_GT(expected, 1);
  // It ended with the last line that was written here: the next one is the first that was not.
  EXPECT_GT(expect_counting(log_on("west")), 0);
  EXPECT_GE(expected, expect_counting(lab().check("east", "cat /var/lib/ferry/workloads/looper/log")));

  Background there = start_ferry("west", {"logs", "-f", "looper"});
  for (int number = 0; number < expected + 10; ++number) {
    const auto next = there.read_line();
    ASSERT_TRUE(next && next->starts_with(fmt::format("{:04} -> ", number))) << next.value_or("nothing");
  }
  ASSERT_EQ(ferry("west", {"stop", "looper"}).status, 0);
  while (there.read_line()) {
  }
  EXPECT_EQ(there.wait(), 0);  // the workload's end is the log's
}

}  // namespace
}  // namespace ferry::testing
