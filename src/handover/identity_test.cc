// SPDX-License-Identifier: Apache-2.0
#include "handover/identity.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sys/socket.h>

#include "base/error.h"
#include "handover/relay_lab.h"
#include "kernel/test_network.h"

namespace ferry::handover {
namespace {

const auto kIdentityMac = kernel::MacAddr::parse("02:55:00:00:00:09");

TEST(Identity, IsReadAsItIsWritten) {
  const auto both = parse_identity("10.77.0.9/24,fd00:77::9/64", kIdentityMac, "10.77.0.1,fd00:77::1");
  EXPECT_EQ(both.addresses.size(), 2U);
  EXPECT_EQ(both.addresses_text(), "10.77.0.9/24,fd00:77::9/64");
  EXPECT_EQ(both.gateways_text(), "10.77.0.1,fd00:77::1");
  EXPECT_EQ(parse_identity("fd00:77::9/64", kIdentityMac, "").gateways_text(), "");
}

TEST(Identity, WhatCannotBeIsSaid) {
  EXPECT_THROW(parse_identity("", kIdentityMac, ""), base::Error);
  EXPECT_THROW(parse_identity("10.77.0.9", kIdentityMac, ""), base::Error);
  EXPECT_THROW(parse_identity("fe80::9/64", kIdentityMac, ""), base::Error);
  EXPECT_THROW(parse_identity("10.77.0.9/24", kIdentityMac, "10.77.0.1,10.77.0.2"), base::Error);
}

class PortTest : public kernel::OwnNetworkTest {
 protected:
  // In another network namespace, with the workload's end.
  static base::Fd other_network() {
    base::Fd netns;
    std::thread([&] {
      if (::unshare(CLONE_NEWNET) == 0) netns = base::open_file("/proc/thread-self/ns/net", O_RDONLY);
    }).join();
    return netns;
  }
  static bool can_bind(const std::string& address) {
    sockaddr_in6 where{};
    where.sin6_family = AF_INET6;
    where.sin6_scope_id = ::if_nametoindex("eth0");
    ::inet_pton(AF_INET6, address.c_str(), &where.sin6_addr);
    const base::Fd socket(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    return ::bind(socket.get(), reinterpret_cast<sockaddr*>(&where), sizeof where) == 0;
  }
};

// A restore binds its sockets at once: nothing may have to wait for a check for duplicates.
TEST_F(PortTest, EveryAddressIsUsableAtOnce) {
  in_own_network([](kernel::Netlink& net) {
    net.add_bridge("br0");
    net.add_address("br0", kernel::IpPrefix::parse("fd55::1/64"));
    const auto identity = parse_identity("10.55.0.9/24,fd55::9/64", kIdentityMac, "fd55::1");
    const base::Fd netns = other_network();
    const auto port = Port::create(netns.get(), attachment_of("web", identity), identity);
    EXPECT_EQ(port.bridge(), "br0");
    EXPECT_EQ(net.find_link(port.link())->master, 0);  // shut
    kernel::in_network_namespace(netns.get(), [] {
      for (const char* address : {"fd55::9", "fe80::55:ff:fe00:9"}) EXPECT_TRUE(can_bind(address)) << address;
      EXPECT_EQ(kernel::Netlink().addresses().size(), 5U);  // those, 10.55.0.9, 127.0.0.1 and ::1
    });
    // The host's end is a cable.
    for (const auto& one : net.addresses()) EXPECT_NE(one.link, net.find_link(port.link())->index) << one.prefix.text();
  });
}

// As podman makes it: the bridge has no MAC but its port's.
TEST(ShutPort, TheHostDoesNotRouteWhatComesFromIt) {
  RelayLab lab;
  const auto outside = RelayLab::bound(lab.client, SOCK_DGRAM, "10.62.0.1", 9'000);
  const auto inside = RelayLab::connected(lab.container, SOCK_DGRAM, "10.62.0.1", 9'000);
  const auto is_heard = [&](std::string_view text, int within_ms) {
    char buffer[16];
    if (::send(inside.get(), text.data(), text.size(), 0) < 0 || !base::wait_readable(outside.get(), within_ms)) return false;
    const auto got = ::recv(outside.get(), buffer, sizeof buffer, 0);
    return got > 0 && std::string_view(buffer, static_cast<size_t>(got)) == text;
  };
  ASSERT_TRUE(is_heard("open", 5'000));
  Port port(Attachment{.link = "vethc", .segment = "dk0"});
  RelayLab::in(lab.west, [&](kernel::Netlink& net) {
    ASSERT_EQ(net.find_link("vethc")->mac, net.find_link("dk0")->mac);
    port.shut();
  });
  EXPECT_FALSE(is_heard("shut", 300));
  RelayLab::in(lab.west, [&](kernel::Netlink&) { port.open(); });
  EXPECT_TRUE(is_heard("again", 5'000));
}

}  // namespace
}  // namespace ferry::handover
