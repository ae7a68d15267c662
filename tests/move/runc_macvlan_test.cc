// SPDX-License-Identifier: Apache-2.0
//
// Containers of runc whose link is a macvlan: as those with a veth in a bridge
// (runc_network_test.cc), but that nothing of it stands on the host.
#include <fmt/format.h>

#include "support/load.h"
#include "support/runc_test.h"

namespace ferry::testing {
namespace {

constexpr double kLostPacketMs = 200;  // the shortest retransmission timeout of Linux (TCP_RTO_MIN)

// No name, no macvlan (its bridge would be promiscuous), no link of ferry's, and no job that
// somebody is still at.
bool has_left_no_macvlan(const Lab& lab, const std::string& host) {
  const auto look = fmt::format(
      "ls {} 2>/dev/null; ip -d -o link show br0 | grep -o 'promiscuity [1-9]'; ip -o link | grep "
      "fyp; "
      "grep -L tidy /var/lib/ferry/journal/* 2>/dev/null",
      kNetwork);
  return comes_true([&] { return lab.shell(host, look).out.empty(); }, 30'000);
}

TEST_F(RuncTest, AMacvlanGoesAlongWithItsConnectionsThereAndBack) {
  run_web_counter(Name::kNetns, Kind::kMacvlan);
  const auto before = network_of("east");
  ASSERT_NE(before.find("macvlan mode bridge"), std::string::npos) << before;
  auto open = connect();
  Background load = start_counter_load();
  ASSERT_TRUE(comes_true([&] { return std::stoi(open.get("/value")) > 100; }));
  double longest_ms = 0;
  int parked = 0;
  for (const auto& [from, to] : {std::pair("east", "west"), std::pair("west", "east")}) {
    const auto report = move(from, to);
    ASSERT_FALSE(report.is_null());
    EXPECT_EQ(report["parking"]["on"], true) << report["parking"];
    EXPECT_EQ(report["tcp"]["policy"], "keep");
    parked += report["parking"]["frames"].get<int>();
    longest_ms = std::max(longest_ms, report["frozen_ms"].get<double>());
    EXPECT_EQ(network_of(to), before) << to;
    EXPECT_TRUE(has_left_no_macvlan(*lab_, from)) << from;
    EXPECT_GT(std::stoi(open.get("/value")), 0) << to;
  }
  const Json result = end_load(load);
  EXPECT_GT(parked, 0);
  EXPECT_EQ(result.at("failed"), 0) << result.at("examples");
  EXPECT_EQ(result.at("counter").at("holds"), true) << result.at("counter");
  EXPECT_EQ(result.at("connects"), 10);
  EXPECT_TRUE(open.is_established());
  RecordProperty("frozen_ms", std::to_string(longest_ms));
  RecordProperty("worst_ms", result.at("latency").at("max_ms").dump());
  EXPECT_LT(result.at("latency").at("max_ms").get<double>(), longest_ms + kLostPacketMs);
}

TEST_F(RuncTest, AMacvlanInANamelessNetworkGoesAlongToo) {
  run_web_counter(Name::kNone, Kind::kMacvlan);
  auto open = connect();
  EXPECT_EQ(open.next(), 1);
  ASSERT_FALSE(move("east", "west").is_null());
  EXPECT_EQ(open.next(), 2);
  EXPECT_TRUE(has_left_no_macvlan(*lab_, "east"));
  ASSERT_FALSE(move("west", "east", {"--no-parking"}).is_null());
  EXPECT_EQ(open.next(), 3);
  EXPECT_TRUE(has_left_no_macvlan(*lab_, "west"));
}

// Its frames are dropped in the pause; TCP repeats them.
TEST_F(RuncTest, AMacvlanOnALinkThatIsNoBridgeGoesAlongWithoutParking) {
  for (const char* host : {"east", "west"}) {
    lab_->check(host,
                "ip link add uplink type veth peer name vbox && ip link set vbox master br0 up && "
                "ip link set uplink up");
  }
  run_web_counter(Name::kNetns, Kind::kMacvlan, "uplink");
  auto open = connect();
  EXPECT_EQ(open.next(), 1);
  const auto report = move("east", "west");
  ASSERT_FALSE(report.is_null());
  EXPECT_EQ(report["parking"]["on"], false);
  EXPECT_EQ(report["parking"]["why_not"], "its macvlan stands on uplink, which is no bridge");
  EXPECT_EQ(open.next(), 2);
  EXPECT_EQ(
      lab_->shell("west", "ip -n box -d -o link show eth0 | grep -c 'macvlan mode bridge'").out,
      "1\n");
}

TEST_F(RuncTest, WithAMacvlanClientsDoNotNoticeAMoveThatIsGivenUp) {
  run_web_counter(Name::kNetns, Kind::kMacvlan);
  auto open = connect();
  int last = 0;
  for (const char* fault : {"source.frozen=fail", "source.dumped=fail", "target.restoring=fail",
                            "source.restored=fail"}) {
    EXPECT_EQ(ferry("east", {"move", "runc:box", "root@west"}, fault).status, 1) << fault;
    EXPECT_EQ(open.next(), ++last) << fault;
    EXPECT_TRUE(has_left_no_macvlan(*lab_, "west")) << fault;
  }
  EXPECT_EQ(connect().next(), ++last);
}

TEST_F(RuncTest, WithAMacvlanAKilledFerryIsFinishedByItsGuard) {
  run_web_counter(Name::kNetns, Kind::kMacvlan);
  expect_guard_finishes([](const std::string& host) { return has_left_no_macvlan(*lab_, host); });
}

// What its namespace was kept for can use it.
TEST_F(RuncTest, AKeptNetworkHasNoMacvlanAndIsOpen) {
  run_web_counter(Name::kNetns, Kind::kMacvlan);
  auto open = connect();
  ASSERT_FALSE(move("east", "west", {"--keep-source"}).is_null());
  EXPECT_EQ(open.next(), 1);
  EXPECT_EQ(state("box", "east"), "stopped");
  EXPECT_EQ(lab_->shell("east", "ip -n box -o link show eth0 2>/dev/null").out, "");
  lab_->check("east", "ip netns exec box ping -c 1 -W 1 127.0.0.1");
}

TEST_F(RuncTest, AMacvlanThatCannotBeThereIsRefusedBeforehand) {
  run_web_counter(Name::kNetns, Kind::kMacvlan);
  auto open = connect();
  const auto refused_while = [&](const std::string& change, const std::string& words,
                                 const std::string& undo) {
    lab_->check("west", change);
    const auto said = ferry("east", {"check", "runc:box", "root@west"});
    EXPECT_EQ(said.status, 3) << change << said.out << said.err;
    EXPECT_NE((said.out + said.err).find(words), std::string::npos) << said.out << said.err;
    lab_->check("west", undo);
  };
  refused_while("ip addr add 10.77.0.9/32 dev br0", "is taken", "ip addr del 10.77.0.9/32 dev br0");
  refused_while("ip netns add box && ip link add link br0 name eth0 netns box type macvlan",
                "it has links already", "ip netns del box");
  refused_while("ip link set br0 name br1 && ip link add br0 type bridge && ip link set br0 up",
                "is not on the container's network segment",
                "ip link del br0 && ip link set br1 name br0");
  refused_while("ip link set br0 mtu 1300", "cannot have the MTU 1400", "ip link set br0 mtu 1500");
  EXPECT_EQ(open.next(), 1);
}

}  // namespace
}  // namespace ferry::testing
