// SPDX-License-Identifier: Apache-2.0
//
// Containers on a network of podman's own whose bridge has an uplink in it, on a segment that both
// hosts are on: the address moves with its connections, and what podman makes for it on the target
// is not heard there as long as the original is at work.
#include <fmt/format.h>

#include "support/load.h"
#include "support/podman_test.h"

namespace ferry::testing {
namespace {

class PodmanSegmentTest : public PodmanTest {
 protected:
  void SetUp() override {
    PodmanTest::SetUp();
    if (IsSkipped()) return;
    join("east", "10.78.0.1");
    join("west", "10.78.0.2");
    lab_->check("north", "ip addr add 10.78.0.9/24 dev br0");
  }
  void TearDown() override {
    PodmanTest::TearDown();
    if (!lab_) return;
    for (const char* host : {"east", "west"})
      lab_->shell(host,
                  "ip link del up0; ip link del $(podman network inspect -f "
                  "'{{.NetworkInterface}}' lan); podman network rm lan");
    lab_->shell("north", "ip addr del 10.78.0.9/24 dev br0");
  }

  // Its network "lan" there: the bridge with the host's own address, and with a way to br0's
  // segment.
  static void join(const std::string& host, const std::string& own) {
    lab_->check(host,
                fmt::format("podman network create --subnet 10.78.0.0/24 --gateway {0} lan && "
                            "bridge=$(podman network inspect -f '{{{{.NetworkInterface}}}}' lan) "
                            "&& ip link add $bridge type bridge && ip addr add {0}/24 dev $bridge "
                            "&& ip link set $bridge up && ip link add up0 type veth peer name up1 "
                            "&& ip link set up0 master br0 up && ip link set up1 master $bridge up",
                            own));
  }
  static constexpr const char* kHere = "10.78.0.77";
  void run_service() const {
    run(fmt::format("--network lan --ip {}", kHere),
        fmt::format("python3 /programs/web_counter.py {}", kPort));
    ASSERT_TRUE(comes_true([&] { return log("east").starts_with("READY"); })) << log("east");
  }
  static Connection client(const std::string& host = "north") {
    return {*lab_, host, kHere, kPort};
  }
  // Of the family bridge, NFPROTO_BRIDGE; podman's own are of others.
  static std::string barriers(const std::string& host) {
    return lab_->check(host, fmt::format("python3 {}/programs/nft_tables.py | grep '^7 ' || true",
                                         FERRY_BINARY_DIR));
  }
};

TEST_F(PodmanSegmentTest, ItsAddressAndConnectionsGoAlongThereAndBack) {
  run_service();
  auto open = client();
  EXPECT_EQ(open.next(), 1);
  const auto mac = "podman inspect -f '{{.NetworkSettings.Networks.lan.MacAddress}}' box";
  const auto before = lab_->check("east", mac);
  ASSERT_NE(ferry("east", {"move", "podman:box", "root@west"}, "target.restored=fail").status, 0);
  EXPECT_TRUE(comes_true([&] { return traces("west").empty(); })) << traces("west");
  EXPECT_EQ(open.next(), 2);
  int last = 2;
  for (const auto& [from, to] : {std::pair("east", "west"), std::pair("west", "east")}) {
    const auto report = move(from, to);
    ASSERT_FALSE(report.is_null());
    EXPECT_EQ(report["parking"]["on"], true) << report["parking"];
    EXPECT_EQ(report["tcp"]["policy"], "keep");
    EXPECT_EQ(open.next(), ++last) << to;
    EXPECT_EQ(client().next(), ++last) << "a new one";
    EXPECT_EQ(client(from).next(), ++last) << "from the host that it has left";
    EXPECT_EQ(lab_->check(to, mac), before);
    EXPECT_TRUE(comes_true([&] { return traces(from).empty(); })) << traces(from);
    EXPECT_EQ(barriers(to), "");
  }
  EXPECT_TRUE(open.is_established());
}

// Not even by those who are on the very bridge on which podman makes its link: the original goes on
// answering them.
TEST_F(PodmanSegmentTest, WhatPodmanMakesThereIsNotHeard) {
  run_service();
  Background load = start_ferry(
      "west", {"load-test", fmt::format("http://{}:{}/next", kHere, kPort), "--rate", "200",
               "--connections", "10", "--counter", "--json", "--until-eof-of-stdin"});
  auto far = client();
  EXPECT_EQ(far.get("/value").empty(), false);
  ASSERT_NE(ferry("east", {"move", "podman:box", "root@west"}, "source.frozen=fail").status, 0);
  ASSERT_FALSE(move("east", "west").is_null());
  const Json result = end_load(load);
  EXPECT_EQ(result.at("failed"), 0) << result.at("examples");
  EXPECT_EQ(result.at("counter").at("holds"), true) << result.at("counter");
  EXPECT_EQ(result.at("connects"), 10);
  EXPECT_EQ(far.get("/value").empty(), false);
  EXPECT_TRUE(far.is_established());
}

TEST_F(PodmanSegmentTest, AKilledFerryLeavesNothingInTheWay) {
  run_service();
  auto open = client();
  int last = 0;
  for (const char* fault : {"target.defined=kill", "source.dumped=kill", "target.restored=kill"}) {
    EXPECT_NE(ferry("east", {"move", "podman:box", "root@west"}, fault).status, 0) << fault;
    EXPECT_EQ(open.next(), ++last) << fault;
    EXPECT_TRUE(comes_true([&] { return traces("west").empty(); }, 30'000))
        << fault << traces("west");
    EXPECT_TRUE(comes_true([&] { return barriers("west").empty(); })) << fault << barriers("west");
  }
  ASSERT_NE(ferry("east", {"move", "podman:box", "root@west"}, "source.granted=kill").status, 0);
  EXPECT_TRUE(comes_true([&] { return traces("east").empty(); }, 60'000))
      << ferry("east", {"resolve", "podman:box"}).out << traces("east");
  EXPECT_EQ(open.next(), ++last);
}

TEST_F(PodmanSegmentTest, WhatItsTargetLacksIsRefusedBeforehand) {
  run_service();
  auto open = client();
  lab_->check("west", "podman network rm lan");
  expect_refused("podman:box", "west", "podman has no network lan here");
  EXPECT_EQ(open.next(), 1);
}

}  // namespace
}  // namespace ferry::testing
