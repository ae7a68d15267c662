// SPDX-License-Identifier: Apache-2.0
//
// How a relay begins, and how it ends: given back, killed, stopped, or by itself.
#include <netinet/tcp.h>

#include <nlohmann/json.hpp>

#include "handover/relay_pair.h"

namespace ferry::handover {
namespace {

TEST_F(RelayTest, WhatWaitedIsGivenBackWhole) {
  RelayLab lab;
  const auto listener = RelayLab::bound(lab.east, SOCK_STREAM, "0.0.0.0", kPublished);
  const auto client = RelayLab::connected(lab.client, SOCK_STREAM, kEast, kPublished);
  const auto server = accepted(listener);
  const auto inside = RelayLab::bound(lab.east, SOCK_DGRAM, "0.0.0.0", 5353);
  const int room = 8 << 20;  // it does not read while they come
  EXPECT_EQ(::setsockopt(inside.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room), 0);
  const auto sender = RelayLab::connected(lab.client, SOCK_DGRAM, kEast, 5353);
  ASSERT_TRUE(client && server);
  Relayed relayed(lab);
  relayed.entrance->begin();
  const auto text = pattern(10 << 20);
  std::jthread sending([&] { EXPECT_TRUE(send_all(client.get(), text)); });
  for (int i = 0; i < 1'000; ++i) ::send(sender.get(), &i, sizeof i, 0);
  EXPECT_FALSE(base::wait_readable(server.get(), 50));
  EXPECT_FALSE(base::wait_readable(inside.get(), 0));
  relayed.entrance->give_back();
  for (int i = 0; i < 1'000; ++i) {
    int number = -1;
    ASSERT_EQ(::recv(inside.get(), &number, sizeof number, 0), 4) << i;
    ASSERT_EQ(number, i);
  }
  EXPECT_EQ(receive_all(server.get(), text.size()), text);
  sending.join();
  tcp_info told{};
  socklen_t size = sizeof told;
  ::getsockopt(client.get(), IPPROTO_TCP, TCP_INFO, &told, &size);
  EXPECT_EQ(told.tcpi_lost, 0U);
  // The next try.
  relayed.entrance->begin();
  ASSERT_TRUE(send_all(sender.get(), "waits"));
  EXPECT_FALSE(base::wait_readable(inside.get(), 50));
  relayed.entrance->give_back();
  EXPECT_TRUE(base::wait_readable(inside.get(), 2'000));
  relayed.entrance.reset();
  relayed.relay.reset();
  relayed.exit.reset();
  EXPECT_FALSE(has_remains(lab.east, "ferry-relay-" + relayed.name));
  EXPECT_FALSE(has_remains(lab.west, "ferry-relay-exit-" + relayed.name));
}

// ferry is gone in the middle of the pause: its own descriptors, and what it would have said.
TEST_F(RelayTest, AProcessThatHasNotServedGivesBackWhenItsFerryHasGone) {
  RelayLab lab;
  const auto inside = RelayLab::bound(lab.east, SOCK_DGRAM, "0.0.0.0", 5353);
  const auto sender = RelayLab::connected(lab.client, SOCK_DGRAM, kEast, 5353);
  Relayed relayed(lab);
  relayed.entrance->begin();
  ASSERT_TRUE(send_all(sender.get(), "waits"));
  EXPECT_FALSE(base::wait_readable(inside.get(), 20));
  relayed.entrance->let_go();
  EXPECT_FALSE(base::wait_readable(inside.get(), 20));
  relayed.relay.reset();
  EXPECT_EQ(receive_all(inside.get(), 5), "waits");
  EXPECT_FALSE(has_remains(lab.east, "ferry-relay-" + relayed.name));
}

// As before a move home: what comes waits at the entrance, and nothing of it is in the workload's network.
TEST_F(RelayTest, WhatComesWhileTheExitIsHeldWaitsAtTheEntrance) {
  RelayLab lab;
  const auto listener = RelayLab::bound(lab.container, SOCK_STREAM, "0.0.0.0", kInside);
  Relayed relayed(lab, {true});
  relayed.serve();
  const auto connection = connect_through(lab, listener);
  ASSERT_TRUE(connection.client && connection.server);
  {
    LineHome line(*find_relay(relayed.name, RelayEnd::kExit));
    LineHome entrance(*find_relay(relayed.name, RelayEnd::kEntrance));
    EXPECT_THROW(entrance.adopt(kernel::IpAddr::parse(kContainer)), base::Error) << "it leads on";
    line.hold();
    const auto held = read_held_flows(relayed.name);
    ASSERT_EQ(held.size(), 1U);
    EXPECT_EQ(held[0].workload_port, kInside);
    ASSERT_TRUE(send_all(connection.client.get(), "waits"));
    EXPECT_FALSE(base::wait_readable(connection.server.get(), 100));
    line.go_on();
    EXPECT_EQ(receive_all(connection.server.get(), 5), "waits");
    line.hold();  // the next try, of a ferry that is killed
  }
  ASSERT_TRUE(send_all(connection.client.get(), "again"));
  EXPECT_FALSE(base::wait_readable(connection.server.get(), 100));
  LineHome(*find_relay(relayed.name, RelayEnd::kExit)).go_on();
  EXPECT_EQ(receive_all(connection.server.get(), 5), "again");
  EXPECT_TRUE(exchange_whole(connection.client.get(), connection.server.get(), 1 << 20));
  EXPECT_TRUE(read_held_flows(relayed.name).empty());
}

TEST_F(RelayTest, AKilledEndLeavesNothingAndTheOtherEnds) {
  for (const bool at_source : {true, false}) {
    RelayLab lab;
    Relayed relayed(lab, {true});
    relayed.serve();
    relayed.ended();
    EXPECT_TRUE(has_remains(lab.east, "ferry-relay-" + relayed.name));
    EXPECT_TRUE(has_remains(lab.west, "ferry-relay-exit-" + relayed.name));
    ASSERT_TRUE(relayed.record() && relayed.record(RelayEnd::kExit));
    const pid_t killed = at_source ? relayed.east_pid : relayed.west_pid;
    ASSERT_EQ(::kill(killed, SIGKILL), 0);
    EXPECT_TRUE(end_of(killed, base::milliseconds(5'000)));
    EXPECT_FALSE(has_remains(at_source ? lab.east : lab.west,
                             (at_source ? "ferry-relay-" : "ferry-relay-exit-") + relayed.name));
    EXPECT_EQ(end_of(at_source ? relayed.west_pid : relayed.east_pid, base::milliseconds(5'000)),
              0);
    EXPECT_FALSE(has_remains(lab.east, "ferry-relay-" + relayed.name));
    EXPECT_FALSE(has_remains(lab.west, "ferry-relay-exit-" + relayed.name));
    EXPECT_FALSE(relayed.record() || relayed.record(RelayEnd::kExit));
  }
}

TEST_F(RelayTest, ItEndsByItselfSomeTimeAfterTheLastConnection) {
  RelayLab lab;
  Relayed relayed(lab, {false, base::milliseconds(3'000)});
  relayed.serve();
  const auto listener = RelayLab::bound(lab.container, SOCK_STREAM, "0.0.0.0", kInside);
  auto [client, server] = connect_through(lab, listener);
  ASSERT_TRUE(client && server);
  // As long as there is one it stays, however quiet.
  EXPECT_FALSE(end_of(relayed.east_pid, base::milliseconds(8'000)));
  EXPECT_EQ(relayed.record()->connections, 1U);
  EXPECT_TRUE(exchange_whole(client.get(), server.get(), 1'000));
  client.reset();
  server.reset();
  relayed.ended();
  EXPECT_EQ(end_of(relayed.east_pid, base::milliseconds(12'000)), 0);
  EXPECT_EQ(end_of(relayed.west_pid, base::milliseconds(5'000)), 0);
  EXPECT_FALSE(relayed.record() || relayed.record(RelayEnd::kExit));
}

TEST_F(RelayTest, ItEndsWhenTheWorkloadsLinkHasGone) {
  RelayLab lab;
  Relayed relayed(lab, {true});
  relayed.serve();
  relayed.ended();
  RelayLab::in(lab.west, [](kernel::Netlink& net) { net.delete_link("vethc"); });
  EXPECT_EQ(end_of(relayed.west_pid, base::milliseconds(8'000)), 0);
  EXPECT_EQ(end_of(relayed.east_pid, base::milliseconds(5'000)), 0);
}

TEST_F(RelayTest, NobodyElseCanPublishItsPorts) {
  RelayLab lab;
  auto proxy = std::optional(RelayLab::bound(lab.east, SOCK_STREAM, "0.0.0.0", kPublished));
  Relayed relayed(lab);
  relayed.serve();
  std::this_thread::sleep_for(kRelayLook);
  EXPECT_FALSE(relayed.record()->holds_ports);
  proxy.reset();
  std::this_thread::sleep_for(2 * kRelayLook);
  EXPECT_TRUE(relayed.record()->holds_ports);
  const auto other = RelayLab::make_socket(lab.east, SOCK_STREAM);
  const int yes = 1;
  ::setsockopt(other.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  const auto at = place_at("0.0.0.0", kPublished);
  EXPECT_EQ(::bind(other.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), -1);
  EXPECT_EQ(errno, EADDRINUSE);
}

TEST_F(RelayTest, TheCommandListsAndStopsIt) {
  RelayLab lab;
  Relayed relayed(lab, {true});
  relayed.serve();
  relayed.ended();
  const auto listed = base::run({kFerry, "relay", "list", "--json"});
  ASSERT_EQ(listed.status, 0) << listed.err;
  bool found = false;
  for (const auto& one : nlohmann::json::parse(listed.out)) {
    if (one.at("name") != relayed.name || !one.contains("to")) continue;
    found = true;
    EXPECT_EQ(one.at("to"), "west");
    EXPECT_EQ(one.at("pid"), relayed.east_pid);
    EXPECT_EQ(one.at("ports").at(0), "0.0.0.0:8080->80/tcp");
    EXPECT_EQ(one.at("keep"), true);
  }
  EXPECT_TRUE(found) << listed.out;
  EXPECT_NE(base::run({kFerry, "relay", "list"}).out.find(relayed.name), std::string::npos);
  const auto wrong = base::run({kFerry, "relay", "stop", "no-such"});
  EXPECT_EQ(wrong.status, 3);
  EXPECT_NE(wrong.err.find(relayed.name), std::string::npos) << wrong.err;
  EXPECT_NE(base::run({kFerry, "ps", "-a"}).out.find("moved to west, relay: 0 connections"),
            std::string::npos);
  const auto stopped = base::run({kFerry, "relay", "stop", relayed.name});
  EXPECT_EQ(stopped.status, 0) << stopped.err;
  EXPECT_EQ(end_of(relayed.east_pid, base::milliseconds(1'000)), 0);
  EXPECT_EQ(end_of(relayed.west_pid, base::milliseconds(5'000)), 0);
  EXPECT_FALSE(has_remains(lab.east, "ferry-relay-" + relayed.name));
}

TEST(PublishedPortTest, IsWrittenAndRead) {
  const auto port = PublishedPort::parse("127.0.0.1:8080->80/udp");
  EXPECT_EQ(port.text(), "127.0.0.1:8080->80/udp");
  EXPECT_EQ(port.protocol, IPPROTO_UDP);
  for (const char* wrong : {"", "8080", "1.2.3.4:80", "1.2.3.4:0->80/tcp", "1.2.3.4:80->80/sctp",
                            "1.2.3.4:80->99999/tcp"})
    EXPECT_THROW(PublishedPort::parse(wrong), base::Error) << wrong;
}

}  // namespace
}  // namespace ferry::handover
