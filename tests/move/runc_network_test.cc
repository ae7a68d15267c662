// SPDX-License-Identifier: Apache-2.0
//
// Containers of runc with an address of their own: their network goes along, and their clients'
// open connections with it.
#include <fmt/format.h>

#include "support/runc_test.h"

namespace ferry::testing {
namespace {

TEST_F(RuncTest, ItsConnectionsGoAlongThereAndBack) { connections_go_along(); }

TEST_F(RuncTest, AServiceAddressOfTheHostGoesAlong) { a_service_address_goes_along(); }

TEST_F(RuncTest, ANamelessNetworkGoesAlongToo) { a_nameless_network_goes_along(); }

TEST_F(RuncTest, ClientsDoNotNoticeAMoveThatIsGivenUp) {
  run_web_counter();
  auto open = connect();
  int last = 0;
  for (const char* fault : {"source.frozen=fail", "source.dumped=fail", "target.restoring=fail",
                            "source.restored=fail"}) {
    EXPECT_EQ(ferry("east", {"move", "runc:box", "root@west"}, fault).status, 1) << fault;
    EXPECT_EQ(open.next(), ++last) << fault;
    EXPECT_TRUE(network_has_left("west")) << fault;
  }
  EXPECT_EQ(connect().next(), ++last);
}

TEST_F(RuncTest, ANetworkThatCannotGoIsRefusedBeforehand) {
  run_web_counter();
  auto open = connect();
  const auto refused_while = [&](const std::string& host, const std::string& change,
                                 const std::string& words, const std::string& undo) {
    lab_->check(host, change);
    const auto said = ferry("east", {"check", "runc:box", "root@west"});
    EXPECT_EQ(said.status, 3) << change << said.out << said.err;
    EXPECT_NE((said.out + said.err).find(words), std::string::npos) << said.out << said.err;
    lab_->check(host, undo);
  };
  refused_while("west", "ip addr add 10.77.0.9/32 dev br0", "is taken",
                "ip addr del 10.77.0.9/32 dev br0");
  refused_while("west", "ip netns add box && ip link add vbox type veth peer name eth0 netns box",
                "it has links already", "ip netns del box");
  refused_while("west", "touch /run/netns/box", "is no network namespace", "rm /run/netns/box");
  refused_while("east", "ip -n box link add more type veth peer name other netns box",
                "it has 3 links", "ip -n box link del more");
  refused_while("east", "ip -n box route add blackhole 10.99.0.0/16", "route 10.99.0.0/16",
                "ip -n box route del blackhole 10.99.0.0/16");
  refused_while("east",
                "ip netns exec box sleep 1000 >/dev/null 2>&1 & echo $! >/tmp/guest; sleep 0.2",
                "is in its network, too", "kill $(cat /tmp/guest); rm /tmp/guest");
  refused_while("east", "ip link set vbox nomaster", "is no port of a bridge",
                "ip link set vbox master br0");
  // A bridge of the same name that stands on nothing, as docker0 does.
  refused_while(
      "west", "ip link set br0 name br1 && ip link add br0 type bridge && ip link set br0 up",
      "is not on the container's network segment", "ip link del br0 && ip link set br1 name br0");
  EXPECT_EQ(open.next(), 1);
}

TEST_F(RuncTest, WithAddressAKilledFerryIsFinishedByItsGuard) {
  run_web_counter();
  expect_guard_finishes(network_has_left);
}

}  // namespace
}  // namespace ferry::testing
