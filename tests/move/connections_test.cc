// SPDX-License-Identifier: Apache-2.0
//
// Connections in every shape, moved with their workload; each byte is checked at both ends (tests/programs/tcp_shapes.py).
#include <fmt/format.h>

#include "support/move_test.h"

namespace ferry::testing {
namespace {

class ConnectionsTest : public MoveTest {
 protected:
  void serve(const std::string& addresses = std::string(kAddress) + "/24", const std::string& listens_at = "0.0.0.0") const {
    run("east", "shapes", {"--ip", addresses}, {"/usr/bin/python3", program("tcp_shapes.py"), "serve", std::to_string(kPort), listens_at});
    ASSERT_TRUE(comes_true([&] { return log_on("east") == "READY\n"; }));
  }
  std::string log_on(const std::string& host) const { return ferry(host, {"logs", "shapes"}).out; }
  Background drive(const std::string& shape, const std::string& address = kAddress) const {
    Background client = lab().start("client", {"/usr/bin/python3", program("tcp_shapes.py"), "drive", address, std::to_string(kPort), shape});
    EXPECT_EQ(client.read_line(kReady_ms), "READY");
    return client;
  }
  // What the client says once it has checked both ends.
  static std::string checked(Background& client) {
    client.write("moved\n");
    const auto said = client.read_line(kChecked_ms).value_or("nothing");
    EXPECT_TRUE(said.starts_with("PASS ")) << said;
    return said;
  }
  // There and, where `back`, back again while the connections are in the shape; the move's last report. What the client has measured is
  // in "measured".
  Json move_in_shape(const std::string& shape, bool back = false, const std::string& address = kAddress) const {
    Background client = drive(shape, address);
    Json report = move("shapes", "east", "west");
    if (back && !report.is_null()) report = move("shapes", "west", "east");
    const auto said = checked(client);
    EXPECT_EQ(log_on(back ? "east" : "west"), "READY\n");
    if (report.is_null() || !said.starts_with("PASS ")) return {};
    report["measured"] = Json::parse(said.substr(5));
    return report;
  }

  static constexpr int kReady_ms = 30'000, kChecked_ms = 70'000;
};

// Neither side reads: what was written waits in the queues of both ends, and goes on there.
TEST_F(ConnectionsTest, FullQueuesBothWays) {
  serve();
  move_in_shape("full_queues");
}

TEST_F(ConnectionsTest, AClientHasEndedItsHalf) {
  serve();
  move_in_shape("client_half_closed");
}

TEST_F(ConnectionsTest, TheWorkloadHasEndedItsHalf) {
  serve();
  move_in_shape("server_half_closed");
}

TEST_F(ConnectionsTest, BothHaveEndedTheirHalvesAndNeitherHasRead) {
  serve();
  move_in_shape("both_half_closed");
}

TEST_F(ConnectionsTest, OptionsAndWhatWasAgreedOn) {
  serve();
  move_in_shape("options", true);
}

TEST_F(ConnectionsTest, OptionsOverIpv6) {
  serve("fd00:77::9/64", "::");
  move_in_shape("options", true, "fd00:77::9");
}

TEST_F(ConnectionsTest, AThousandHalfOfThemInUse) {
  serve();
  const Json report = move_in_shape("thousand", true);
  ASSERT_FALSE(report.is_null());
  EXPECT_EQ(report.at("tcp").at("connections"), 1000);
}

// On a host that knows of no earlier move.
TEST_F(ConnectionsTest, APauseThatAThousandMakeTooLongIsNotBegun) {
  serve();
  Background client = drive("thousand");
  const Result moved = ferry("east", {"move", "shapes", "root@west", "--pause-max", "150ms"});
  EXPECT_NE(moved.status, 0);
  EXPECT_NE(moved.err.find("did not freeze shapes"), std::string::npos) << moved.err;
  EXPECT_EQ(state_of("east", "shapes"), "running");
  checked(client);
  EXPECT_EQ(log_on("east"), "READY\n");
}

// One socket for both families: its connections of IPv4 are IPv6 sockets.
TEST_F(ConnectionsTest, OfASocketForBothFamilies) {
  serve("10.77.0.9/24,fd00:77::9/64", "::");
  move_in_shape("full_queues");
}

TEST_F(ConnectionsTest, OverIpv6) {
  serve("fd00:77::9/64", "::");
  move_in_shape("full_queues", false, "fd00:77::9");
}

TEST_F(ConnectionsTest, Datagrams) {
  serve();
  const Json report = move_in_shape("datagrams", true);
  ASSERT_FALSE(report.is_null());
  RecordProperty("lost", report.at("measured").at("lost").get<int>());
}

}  // namespace
}  // namespace ferry::testing
