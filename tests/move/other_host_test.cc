// SPDX-License-Identifier: Apache-2.0
//
// Moves that cannot be because of a host: unreachable, without CRIU, without room.
#include <fmt/format.h>

#include "support/unharmed_test.h"

namespace ferry::testing {
namespace {

class OtherHostTest : public UnharmedTest {
 protected:
  // Over the CRIU that came with ferry; there is none in PATH.
  static constexpr const char* kHideCriu = "mount -t tmpfs none $(dirname $(readlink -f /usr/local/bin/ferry))/criu";
  void make_small_shm(const std::string& host, int megabytes) {
    lab().check(host, fmt::format("mount -t tmpfs -o size={}m none /dev/shm", megabytes));
    remember();
  }
};

TEST_F(OtherHostTest, NoSuchHost) {
  const Result result = expect_no_move({"web", "root@nowhere.invalid"}, 1, "no host of that name is known");
  EXPECT_NE(result.err.find("nowhere.invalid"), std::string::npos);
  expect_next_move_works();
}

TEST_F(OtherHostTest, AWrongKey) {
  lab().check("west", "cp -p /root/.ssh/authorized_keys /root/.ssh/kept && : >/root/.ssh/authorized_keys");
  expect_no_move({"web", "root@west"}, 1, "it does not let us in with the keys we have");
  lab().check("west", "cp -p /root/.ssh/kept /root/.ssh/authorized_keys");
  expect_next_move_works();
}

TEST_F(OtherHostTest, SshRefused) {
  lab().check("west", "kill $(cat /run/sshd.pid); while ss -Hltn sport = 22 | grep -q .; do sleep 0.01; done");
  expect_no_move({"web", "root@west"}, 1, "no SSH server listens there");
  lab().check("west", "setsid /usr/sbin/sshd </dev/null >/dev/null 2>&1; until ss -Hltn sport = 22 | grep -q .; do sleep 0.01; done");
  expect_next_move_works();
}

TEST_F(OtherHostTest, ATargetWithoutCriu) {
  if (lab().shell("west", "command -v criu").status == 0) GTEST_SKIP() << "this machine has a CRIU in PATH";
  lab().check("west", kHideCriu);
  remember();
  const Result result = expect_no_move({"web", "root@west"}, 3, "cannot use CRIU");
  EXPECT_NE(result.err.find("on west"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("get-criu"), std::string::npos) << result.err;
}

TEST_F(OtherHostTest, ASourceWithoutCriu) {
  if (lab().shell("east", "command -v criu").status == 0) GTEST_SKIP() << "this machine has a CRIU in PATH";
  lab().check("east", kHideCriu);
  remember();
  expect_no_move({"web", "root@west"}, 3, "cannot use CRIU");
}

TEST_F(OtherHostTest, TooLittleRoomIsSaidBeforehand) {
  make_small_shm("west", 8);
  const Result there = expect_no_move({"web", "root@west"}, 3, "not enough room");
  EXPECT_NE(there.err.find("on west"), std::string::npos) << there.err;
  lab().check("west", "umount /dev/shm");
  make_small_shm("east", 8);
  expect_no_move({"web", "root@west"}, 3, "not enough room");
  lab().check("east", "umount /dev/shm");
  remember();
  expect_next_move_works();
}

class DiskTest : public OtherHostTest, public ::testing::WithParamInterface<std::string> {};

// Enough for the plan; then something else takes it.
TEST_P(DiskTest, FillsInTheMiddle) {
  make_small_shm(GetParam(), 32);
  Background move = lab().start("east", {"env", "FERRY_FAULTS=source.before_freeze=stall:1500", "sh", "-c",
                                         "exec ferry move web root@west 2>&1"});
  while (const auto line = move.read_line()) {
    if (*line == "ferry: copy") break;
  }
  lab().check(GetParam(), "cat /dev/zero >/dev/shm/fill 2>/dev/null || true");
  std::string said;
  while (const auto line = move.read_line()) said += *line + "\n";
  EXPECT_EQ(move.wait(), 1) << said;
  EXPECT_NE(said.find("web goes on here, unharmed"), std::string::npos) << said;
  EXPECT_NE(said.find("No space left"), std::string::npos) << said;
  lab().check(GetParam(), "rm /dev/shm/fill");
  expect_unharmed();
  expect_next_move_works();
}

INSTANTIATE_TEST_SUITE_P(, DiskTest, ::testing::Values("east", "west"), [](const auto& one) { return one.param; });

}  // namespace
}  // namespace ferry::testing
