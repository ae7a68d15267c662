// SPDX-License-Identifier: Apache-2.0
//
// Identities of IPv6, and of both families at once.
#include <fmt/format.h>

#include "support/load.h"
#include "support/move_test.h"

namespace ferry::testing {
namespace {

constexpr const char* kIpv6 = "fd00:77::9";

class Ipv6Test : public MoveTest {
 protected:
  void SetUp() override {
    MoveTest::SetUp();
    if (!IsSkipped() && lab().shell("east", "ip -6 -o addr show br0 | grep -q fd00:77::1/").status != 0) GTEST_SKIP() << "no IPv6 on this machine";
  }
  void run_at(const std::string& addresses, const std::string& listens_at = "::") const {
    run("east", "web", {"--ip", addresses}, {"/usr/bin/python3", program("web_counter.py"), std::to_string(kPort), listens_at});
    ASSERT_TRUE(comes_true([&] { return ferry("east", {"logs", "web"}).out.starts_with("READY"); }));
  }
  Connection connect_to(const std::string& address) const { return {lab(), "client", address, kPort}; }
  // Of the workload, by its MAC.
  std::string link_local(const std::string& host) const {
    return lab().check(host, "nsenter -t $(ferry ps --json | grep -oP '\"pid\": \\K[0-9]+') -n ip -6 -o addr show eth0 scope link | "
                             "awk '{print $4, $6}'");
  }
  Background start_load(const std::string& address) const {
    return start_ferry("client", {"load-test", fmt::format("http://[{}]:{}/next", address, kPort), "--rate", "200", "--connections", "8",
                                  "--counter", "--json", "--until-eof-of-stdin"});
  }
  static void expect_unharmed(Background& load) {
    const Json result = end_load(load);
    ASSERT_FALSE(result.is_null());
    EXPECT_GT(result.at("ok"), 100);
    EXPECT_EQ(result.at("failed"), 0) << result.at("examples");
    EXPECT_EQ(result.at("counter").at("holds"), true) << result.at("counter");
    EXPECT_EQ(result.at("connects"), 8);
  }
};

TEST_F(Ipv6Test, UnderLoadThereAndBack) {
  run_at("fd00:77::9/64");
  Connection open = connect_to(kIpv6);
  const std::string identity = open.get("/id");
  Background load = start_load(kIpv6);
  ASSERT_TRUE(comes_true([&] { return std::stoi(open.get("/value")) > 100; }));
  for (const auto& [from, to] : {std::pair("east", "west"), std::pair("west", "east")}) {
    const Json report = move("web", from, to);
    ASSERT_FALSE(report.is_null());
    EXPECT_EQ(report.at("parking").at("on"), true) << report.at("parking");
    EXPECT_EQ(report.at("parking").at("overflow"), 0);
    const int there = std::stoi(open.get("/value"));
    EXPECT_TRUE(comes_true([&] { return std::stoi(open.get("/value")) > there + 100; }));
  }
  expect_unharmed(load);
  EXPECT_EQ(open.get("/id"), identity);
  EXPECT_EQ(connect_to(kIpv6).get("/id"), identity);
}

// One socket takes both families; its IPv4 connections are IPv6 sockets, too.
TEST_F(Ipv6Test, BothFamiliesMoveAndItsLinkLocalAddressIsTheSame) {
  run_at("10.77.0.9/24,fd00:77::9/64");
  const std::string own = link_local("east");
  ASSERT_TRUE(own.starts_with("fe80::")) << own;
  Connection four = connect_to(kAddress), six = connect_to(kIpv6);
  EXPECT_EQ(four.next(), 1);
  EXPECT_EQ(six.next(), 2);
  int count = 2;
  for (const auto& [from, to] : {std::pair("east", "west"), std::pair("west", "east")}) {
    ASSERT_FALSE(move("web", from, to).is_null());
    EXPECT_EQ(link_local(to), own);  // and it is not tentative
    for (Connection* one : {&four, &six}) EXPECT_EQ(one->next(), ++count);
    for (const char* address : {kAddress, kIpv6}) EXPECT_EQ(connect_to(address).next(), ++count) << address;
  }
  EXPECT_EQ(workloads("east").at(0).at("ip"), "10.77.0.9/24,fd00:77::9/64");
}

// CRIU cannot dump them, not even to have them closed.
TEST_F(Ipv6Test, AConnectionOfTheLinkLocalAddressIsRefusedBeforeTheFreeze) {
  run_at("fd00:77::9/64");
  const std::string own = link_local("east");
  Connection open = connect_to(own.substr(0, own.find('/')) + "%br0");
  EXPECT_EQ(open.next(), 1);
  for (const char* policy : {"keep", "close"}) {
    const Result refused = ferry("east", {"move", "web", "root@west", "--tcp", policy});
    EXPECT_EQ(refused.status, 3);
    EXPECT_NE(refused.err.find("link-local"), std::string::npos) << refused.err;
  }
  EXPECT_EQ(open.next(), 2);
}

TEST_F(Ipv6Test, AnAddressThatIsTakenIsRefusedBeforeTheFreeze) {
  run_at("10.77.0.9/24,fd00:77::9/64");
  Connection open = connect_to(kAddress);
  EXPECT_EQ(open.next(), 1);
  lab().check("client", "ip -6 addr add fd00:77::9/64 dev br0 nodad");
  const Result refused = ferry("east", {"move", "web", "root@west"});
  EXPECT_EQ(refused.status, 3);
  EXPECT_NE(refused.err.find("the address fd00:77::9 is taken"), std::string::npos) << refused.err;
  EXPECT_EQ(refused.err.find("the address 10.77.0.9 is taken"), std::string::npos) << refused.err;
  EXPECT_EQ(open.next(), 2);
  lab().check("client", "ip -6 addr del fd00:77::9/64 dev br0");
  ASSERT_FALSE(move("web", "east", "west").is_null());
  EXPECT_EQ(open.next(), 3);
}

}  // namespace
}  // namespace ferry::testing
