// SPDX-License-Identifier: Apache-2.0
//
// What becomes of open connections: --tcp keep, close, refuse; and what their clients see.
#include <fmt/format.h>

#include "support/tracee.h"
#include "support/unharmed_test.h"

namespace ferry::testing {
namespace {

// With an address of its own, and a client's open connection.
class TcpPolicyTest : public UnharmedTest {
 protected:
  Json checked(const Argv& options) const {
    Argv words{"check", "web", "root@west", "--json"};
    words.insert(words.end(), options.begin(), options.end());
    return Json::parse(ferry("east", words).out);
  }
};

TEST_F(TcpPolicyTest, RefuseNamesTheConnectionsAndTouchesNothing) {
  const Result refused = expect_no_move({"web", "root@west", "--tcp", "refuse"}, 3, "--tcp refuse");
  EXPECT_NE(refused.err.find("python3 (pid "), std::string::npos) << refused.err;
  EXPECT_NE(refused.err.find(" connected to 10.77.0.3 port "), std::string::npos) << refused.err;
  EXPECT_NE(refused.err.find("--tcp keep"), std::string::npos) << refused.err;
  const Json told = checked({"--tcp", "refuse"});
  EXPECT_EQ(told.at("can_move"), false);
  EXPECT_EQ(told.at("tcp").at("policy"), "refuse");
  EXPECT_EQ(told.at("tcp").at("connections"), 1);
  expect_next_move_works();
}

TEST_F(TcpPolicyTest, KeepIsWhatIsMeant) {
  const Json told = checked({});
  EXPECT_EQ(told.at("can_move"), true);
  EXPECT_EQ(told.at("tcp"), Json({{"policy", "keep"}, {"connections", 1}}));
  EXPECT_NE(ferry("east", {"check", "web"}).out.find("1 open TCP connection would go along"), std::string::npos);
  EXPECT_EQ(move("web", "east", "west").at("tcp"), told.at("tcp"));
  EXPECT_EQ(open().next(), 2);
}

// Also for a client that sends nothing any more, as one that waits for an answer.
TEST_F(TcpPolicyTest, CloseWithAnAddressOfItsOwnIsAResetAtOnce) {
  EXPECT_NE(ferry("east", {"check", "web", "--tcp", "close"}).out.find("1 open TCP connection would end"), std::string::npos);
  const Json report = move("web", "east", "west", {"--tcp", "close"});
  ASSERT_FALSE(report.is_null());
  EXPECT_EQ(report.at("tcp"), Json({{"policy", "close"}, {"connections", 1}}));
  try {
    open().read_until("never comes", 5'000);
    ADD_FAILURE() << "an answer";
  } catch (const base::SysError& reset) {
    EXPECT_EQ(reset.number(), ECONNRESET) << reset.what();
  }
  EXPECT_EQ(connect().next(), 2);
}

class HostAddressTest : public MoveTest {
 protected:
  // The counter in the host's own network.
  void start(const std::string& host = "east") const {
    run(host, "web", {}, {"/usr/bin/python3", program("web_counter.py"), std::to_string(kPort)});
    ASSERT_TRUE(comes_true([&] { return ferry(host, {"logs", "web"}).out.starts_with("READY"); }));
  }
};

TEST_F(HostAddressTest, CloseIsAnEndAtOnce) {
  start();
  Connection open(lab(), "client", "10.77.0.1", kPort);
  EXPECT_EQ(open.next(), 1);
  ASSERT_FALSE(move("web", "east", "west", {"--tcp", "close"}).is_null());
  EXPECT_THROW(open.read_until("never comes", 5'000), Connection::Ended);
  EXPECT_EQ(Connection(lab(), "client", "10.77.0.2", kPort).next(), 2);
}

TEST_F(HostAddressTest, RefuseWithoutConnectionsMoves) {
  start();
  ASSERT_FALSE(move("web", "east", "west", {"--tcp", "refuse"}).is_null());
  EXPECT_EQ(Connection(lab(), "client", "10.77.0.2", kPort).next(), 1);
}

// Both ends are in the tree: no address is in the way.
TEST_F(HostAddressTest, ConnectionsWithinTheTreeGoAlong) {
  for (const char* host : {"east", "west"}) lab().check(host, fmt::format("mkdir -m 777 {}", kTraceeDirectory));
  run("east", "inner", {}, {FERRY_BINARY_DIR "/tests/tracees/tcp_half_closed", kTraceeDirectory});
  ASSERT_TRUE(comes_true([&] { return ferry("east", {"logs", "inner"}).out == "READY\n"; }, kTraceeReady_ms));
  ASSERT_FALSE(move("inner", "east", "west").is_null());
  lab().check("west", fmt::format("touch {}/go", kTraceeDirectory));
  comes_true([&] { return ferry("west", {"logs", "inner"}).out != "READY\n"; }, kTraceeAnswer_ms);
  EXPECT_EQ(ferry("west", {"logs", "inner"}).out, "READY\nPASS\n");
}

}  // namespace
}  // namespace ferry::testing
