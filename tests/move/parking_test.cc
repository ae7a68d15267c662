// SPDX-License-Identifier: Apache-2.0
//
// What clients see of a pause when their packets wait instead of being dropped: the pause, and no retransmission. Without parking a
// request that was sent in the pause comes 200 ms late, however short it was.
#include <fmt/format.h>

#include "support/load.h"
#include "support/unharmed_test.h"

namespace ferry::testing {
namespace {

constexpr double kRto_ms = 200;  // the shortest retransmission timeout of Linux (TCP_RTO_MIN)
constexpr double kBusy_ms = 150;  // what a busy machine may add; less than the timeout

constexpr int kOpen = 60;  // connections; each makes the pause longer, which must stay below the timeout

class ParkingMoveTest : public UnharmedTest {
 protected:
  Background start_load(int connections, int rate) const {
    return start_ferry("client", {"load-test", fmt::format("http://{}:{}/next", kAddress, kPort), "--rate", std::to_string(rate),
                                  "--connections", std::to_string(connections), "--counter", "--json", "--until-eof-of-stdin"});
  }
  // Of the client's kernel, so far; a tail loss probe is one, too.
  int retransmissions() const {
    return std::stoi(lab().check("client", "awk '/^Tcp:/ {if (n++) print $13}' /proc/net/snmp"));
  }
  int answered() { return std::stoi(open().get("/value")); }
};

TEST_F(ParkingMoveTest, UnderLoadNothingIsSentAgain) {
  Background load = start_load(kOpen, 500);
  ASSERT_TRUE(comes_true([&] { return answered() > 300; }));
  const int before = retransmissions();
  int parked = 0;
  double longest_ms = 0;
  for (const auto& [from, to] : {std::pair("east", "west"), std::pair("west", "east"), std::pair("east", "west")}) {
    const Json report = move("web", from, to);
    ASSERT_FALSE(report.is_null());
    const Json& parking = report.at("parking");
    EXPECT_EQ(parking.at("on"), true) << parking;
    EXPECT_EQ(parking.at("overflow"), 0) << parking;
    parked += parking.at("frames").get<int>();
    longest_ms = std::max(longest_ms, report.at("frozen_ms").get<double>());
  }
  const int sent_again = retransmissions() - before;
  const Json result = end_load(load);
  EXPECT_GT(parked, 0);
  EXPECT_EQ(result.at("failed"), 0) << result.at("examples");
  EXPECT_EQ(result.at("counter").at("holds"), true) << result.at("counter");
  EXPECT_EQ(result.at("connects"), kOpen);
  // Not the next retransmission after the pause, but its end.
  EXPECT_LT(result.at("latency").at("max_ms"), longest_ms + kBusy_ms);
  // From the timeout on the client's kernel has no way to know that nothing is lost.
  if (longest_ms > kRto_ms * 0.9) GTEST_SKIP() << "a pause was longer than a retransmission timeout: this machine is too busy to tell the difference";
  // Dropped frames cost each connection that was in use one at least (WithoutItTheyAreDropped…). A probe of one whose timer was
  // about to end when the pause began is no loss.
  EXPECT_LT(sent_again, kOpen / 20);
}

TEST_F(ParkingMoveTest, WithoutItTheyAreDroppedAndTheReportSaysSo) {
  const Json report = move("web", "east", "west", {"--no-parking"});
  ASSERT_FALSE(report.is_null());
  EXPECT_EQ(report.at("parking").at("on"), false);
  EXPECT_EQ(report.at("parking").at("why_not"), "--no-parking");
  EXPECT_EQ(open().get("/value"), "1\n");
}

// What waited at the target comes back to the workload: the client's kernel has not to send it again.
TEST_F(ParkingMoveTest, AMoveThatIsGivenUpGivesBackWhatWaited) {
  const int before = retransmissions();
  Background move = start_ferry("east", {"move", "-q", "web", "root@west"}, "source.restored=fail,source.frozen=stall:60");
  ASSERT_TRUE(comes_true([&] { return lab().shell("east", "ip -o link show master br0 | grep -c fy-").out == "0\n"; }));
  open().send_get("/next");
  EXPECT_EQ(move.wait(), 1);
  EXPECT_EQ(open().read_answer(), "2\n");
  EXPECT_EQ(open().get("/value"), "2\n");
  RecordProperty("sent_again", retransmissions() - before);
  EXPECT_TRUE(open().is_established());
}

// Only the hosts' way to each other is cut, at the gate: the workload goes on within seconds, for clients on either side of the cut, and
// nothing of the move stays.
TEST_F(ParkingMoveTest, ACutBetweenTheHostsOnlyLeavesTheWorkloadReachable) {
  const std::string west = lab().check("west", "ip -4 -o addr show br0 | awk '{print $4}' | cut -d/ -f1");
  Background move = start_ferry("east", {"move", "-q", "web", "root@west"}, "target.restored=stall:60000");
  ASSERT_TRUE(comes_true([&] { return lab().shell("west", "pgrep -f '[w]eb_counter'").out != ""; }));
  lab().check("east", fmt::format("ip route add blackhole {}/32", west));
  open().send_get("/next");
  const auto cut = base::mono_now();
  EXPECT_EQ(open().read_answer(), "2\n");
  EXPECT_LT(base::ms_between(cut, base::mono_now()), 10'000);  // not the 20 s and more that TCP takes to notice
  EXPECT_EQ(connect().get("/value"), "2\n");
  EXPECT_EQ(lab().shell("client", fmt::format("ping -c 1 -W 2 {}", west)).status, 0);
  // West's own clients, too: its bridge sends them where the workload is.
  EXPECT_EQ(lab().shell("west", fmt::format("curl -s -m 5 http://{}:{}/value", kAddress, kPort)).out, "2\n");
  lab().check("east", fmt::format("ip route del blackhole {}/32", west));
  EXPECT_EQ(move.wait(), 1);
}

}  // namespace
}  // namespace ferry::testing
