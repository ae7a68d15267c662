// SPDX-License-Identifier: Apache-2.0
//
// Containers on podman's own networks, as `podman run -p` gives them one: the network is made
// there, by podman, and what has come by the published ports goes on.
#include <fmt/format.h>
#include <signal.h>

#include "support/podman_test.h"

namespace ferry::testing {
namespace {

class PodmanNetworkTest : public PodmanTest {
 protected:
  void TearDown() override {
    PodmanTest::TearDown();
    if (!lab_) return;
    for (const char* host : {"east", "west"})
      lab_->shell(host, "ferry relay stop --all; podman network prune -f");
  }

  static constexpr const char *kEast = "10.77.0.1", *kWest = "10.77.0.2";
  static constexpr int kPublished = 8088;
  void run_published(const std::string& options = "") const {
    run(fmt::format("-p {}:{} {}", kPublished, kPort, options),
        fmt::format("python3 /programs/web_counter.py {}", kPort));
    ASSERT_TRUE(comes_true([&] { return log("east").starts_with("READY"); })) << log("east");
  }
  Connection connect_to(const char* host) const { return {*lab_, "north", host, kPublished}; }
  std::string address(const std::string& host) const {
    return lab_->check(host, "podman inspect -f '{{.NetworkSettings.IPAddress}}' box");
  }
  Json relays(const std::string& host) const {
    return Json::parse(ferry(host, {"relay", "list", "--json"}).out);
  }
};

TEST_F(PodmanNetworkTest, AServiceAddressOfTheHostGoesAlong) {
  a_service_address_goes_along("podman:box", [this] {
    run("--network host", fmt::format("python3 /programs/web_counter.py {} ::", kPort));
    EXPECT_TRUE(comes_true([&] { return log("east").starts_with("READY"); })) << log("east");
  });
}

// In podman's default network, as most people start one. The address that it has here is free
// there, or not: it gets another one.
TEST_F(PodmanNetworkTest, APublishedServiceGoesOnWithItsConnections) {
  lab_->check("east", "podman run -d --name first --runtime runc localhost/box:1 sleep 1000");
  run_published();
  auto open = connect_to(kEast);
  EXPECT_EQ(open.next(), 1);
  const auto before = address("east");
  ASSERT_NE(ferry("east", {"move", "podman:box", "root@west"}, "target.restored=fail").status, 0);
  EXPECT_EQ(open.next(), 2);
  EXPECT_TRUE(comes_true([&] { return traces("west").empty(); })) << traces("west");
  const auto report = move("east", "west");
  ASSERT_FALSE(report.is_null());
  EXPECT_EQ(report["relay"], Json::array({"0.0.0.0:8088->8080/tcp"}));
  EXPECT_NE(address("west"), before);
  EXPECT_EQ(open.next(), 3);
  EXPECT_TRUE(open.is_established());
  EXPECT_EQ(connect_to(kEast).next(), 4) << "a new one";
  EXPECT_EQ(connect_to(kWest).next(), 5) << "by the port of the host that it is on";
  ASSERT_EQ(relays("east").size(), 1u);
  EXPECT_EQ(relays("east")[0]["name"], "podman:box");
  EXPECT_EQ(lab_->check("west", "podman port box"), "8080/tcp -> 0.0.0.0:8088");
  EXPECT_EQ(lab_->check("west", "podman ps --format '{{.Names}} {{.Ports}}'"),
            "box 0.0.0.0:8088->8080/tcp");
  EXPECT_EQ(log("west"), "READY 8080\n");
  // What is relayed does not follow it elsewhere.
  const auto refused = ferry("west", {"move", "podman:box", "root@north"});
  EXPECT_EQ(refused.status, 3);
  EXPECT_NE(refused.err.find("come to it through east"), std::string::npos) << refused.err;
  lab_->check("west", "podman stop -t 0 box; podman start box");  // a container like any other
  EXPECT_TRUE(comes_true([&] { return log("west") == "READY 8080\nREADY 8080\n"; })) << log("west");
  EXPECT_EQ(connect_to(kWest).next(), 1);
}

// The relay of the way there ends when it comes back.
TEST_F(PodmanNetworkTest, ItComesBackToItsPorts) {
  run_published();
  ASSERT_FALSE(move("east", "west").is_null());
  EXPECT_EQ(connect_to(kEast).next(), 1);
  ASSERT_TRUE(comes_true([&] { return relays("west").at(0)["connections"] == 0; }))
      << relays("west");
  ASSERT_FALSE(move("west", "east").is_null());
  EXPECT_EQ(connect_to(kEast).next(), 2);
  EXPECT_EQ(connect_to(kWest).next(), 3) << "the relay leads the other way now";
  EXPECT_TRUE(comes_true([&] { return traces("west").empty(); })) << traces("west");
}

// Before the commit its clients are where they were; after it they come to the port of the host
// that it is on.
TEST_F(PodmanNetworkTest, AKilledFerryLeavesNoRelay) {
  run_published();
  auto client = connect_to(kEast);
  int last = 0;
  for (const char* fault : {"source.dumped=kill", "target.restored=kill"}) {
    EXPECT_NE(ferry("east", {"move", "podman:box", "root@west"}, fault).status, 0) << fault;
    EXPECT_EQ(client.next(), ++last) << fault;
    EXPECT_TRUE(comes_true([&] { return traces("west").empty(); }, 30'000))
        << fault << traces("west");
  }
  ASSERT_NE(ferry("east", {"move", "podman:box", "root@west"}, "source.granted=kill").status, 0);
  EXPECT_TRUE(comes_true([&] { return traces("east").empty(); }, 60'000))
      << ferry("east", {"resolve", "podman:box"}).out << traces("east");
  EXPECT_EQ(connect_to(kWest).next(), ++last);
  for (const char* host : {"east", "west"})
    EXPECT_TRUE(comes_true([&] { return lab_->shell(host, "ip tuntap list").out.empty(); }))
        << host;
}

TEST_F(PodmanNetworkTest, WithoutARelayConnectionsEndOrItStays) {
  run_published();
  auto client = connect_to(kEast);
  EXPECT_EQ(client.next(), 1);
  const auto refused = ferry("east", {"move", "podman:box", "root@west", "--relay", "none"});
  EXPECT_EQ(refused.status, 3);
  EXPECT_NE(refused.err.find("--tcp close"), std::string::npos) << refused.err;
  EXPECT_EQ(client.next(), 2);
  ASSERT_FALSE(move("east", "west", {"--relay", "none", "--tcp", "close"}).is_null());
  EXPECT_EQ(connect_to(kWest).next(), 3);
  EXPECT_EQ(relays("east"), Json::array());
}

// With its labels and its subnet; the container with its address and its names there.
TEST_F(PodmanNetworkTest, ANetworkThatOnlyTheSourceHasIsMade) {
  lab_->check("east",
              "podman network create --subnet 172.30.0.0/24 --label team=x --opt mtu=1400 ours");
  run_looper("--network ours --ip 172.30.0.7 --network-alias store");
  for (const char* fault : {"target.defined=fail", "target.restored=kill"}) {
    ASSERT_NE(ferry("east", {"move", "podman:box", "root@west"}, fault).status, 0);
    EXPECT_TRUE(comes_true(
        [&] { return lab_->shell("west", "podman network exists ours").status != 0; }, 30'000))
        << fault;
    EXPECT_TRUE(comes_true([&] { return goes_on("east"); })) << fault << log("east");
  }
  ASSERT_FALSE(move("east", "west").is_null());
  EXPECT_TRUE(goes_on("west")) << log("west");
  EXPECT_EQ(
      lab_->check("west", "podman network inspect -f '{{.Labels.team}} {{.Options.mtu}}' ours"),
      "x 1400");
  EXPECT_EQ(address("west"), "");  // podman tells of that of its default network only
  EXPECT_EQ(
      lab_->check("west", "podman inspect -f '{{.NetworkSettings.Networks.ours.IPAddress}}' box"),
      "172.30.0.7");
  EXPECT_EQ(
      lab_->check(
          "west",
          "podman exec box python3 -c 'import socket; print(socket.gethostbyname(\"store\"))'"),
      "172.30.0.7");
}

TEST_F(PodmanNetworkTest, WhatCannotGoIsRefusedBeforehand) {
  lab_->check("east",
              "podman network create --subnet 172.30.0.0/24 ours; "
              "podman network create -d macvlan -o parent=br0 --subnet 10.77.0.0/24 lan");
  const auto refused = [&](const std::string& options, const std::string& words) {
    lab_->check("east",
                fmt::format("podman run -d --name box --runtime runc {} localhost/box:1 sleep 1000",
                            options));
    expect_refused("podman:box", "west", words);
    lab_->check("east", "podman rm -f -t 0 box");
  };
  refused("--network podman --network ours", "it is on 2 networks (ours, podman)");
  auto other = lab_->start("west", {"python3", "-m", "http.server", "8088"});
  ASSERT_TRUE(
      comes_true([&] { return lab_->shell("west", "ss -ltn | grep -q :8088").status == 0; }));
  refused("-p 8088:80", "the port 0.0.0.0:8088 is taken here");
  other.signal(SIGTERM);
  other.wait();
  refused("--network lan", "its network leads out of this host by br0");
  run_looper("--network ours");
  lab_->check("east",
              "ip link add uplink type veth peer name uplink1 && ip link set uplink master "
              "$(podman network inspect -f '{{.NetworkInterface}}' ours)");
  expect_refused("podman:box", "west", "podman has no network ours here");
  lab_->check("east", "ip link del uplink");
}

}  // namespace
}  // namespace ferry::testing
