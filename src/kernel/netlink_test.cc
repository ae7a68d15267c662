// SPDX-License-Identifier: Apache-2.0
#include "kernel/netlink.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "base/error.h"
#include "kernel/namespaces.h"
#include "kernel/test_network.h"

namespace ferry::kernel {
namespace {

using base::Error;
using base::SysError;

TEST(MacAddr, IsReadAndWritten) {
  EXPECT_EQ(MacAddr::parse("02:55:00:00:00:09").text(), "02:55:00:00:00:09");
  EXPECT_EQ(MacAddr::parse("FE:ff:Aa:00:10:01").text(), "fe:ff:aa:00:10:01");
  for (const char* bad : {"", "02:55:00:00:00", "02:55:00:00:00:0g", "02-55-00-00-00-09", "02:55:00:00:00:099",
                          "02:55:00:00:00:9", " 2:55:00:00:00:09", "02:55:00:00:00:09:"}) {
    EXPECT_THROW(MacAddr::parse(bad), Error) << bad;
  }
}

TEST(MacAddr, RandomOnesAreLocalAndUnicast) {
  for (int i = 0; i < 100; ++i) EXPECT_EQ(MacAddr::random_local().bytes[0] & 3, 2);
  EXPECT_NE(MacAddr::random_local(), MacAddr::random_local());
}

TEST(IpAddr, IsReadAndWritten) {
  EXPECT_EQ(IpAddr::parse("10.77.0.9").text(), "10.77.0.9");
  EXPECT_EQ(IpAddr::parse("10.77.0.9").family(), AF_INET);
  EXPECT_EQ(IpAddr::parse("fd00:0::9").text(), "fd00::9");
  EXPECT_EQ(IpAddr::parse("fd00::9").family(), AF_INET6);
  EXPECT_LT(IpAddr::parse("10.77.0.9"), IpAddr::parse("10.77.0.10"));
  for (const char* bad : {"", "10.77.0", "10.77.0.256", "10.77.0.9/24", "fd00:::1", "east"}) {
    EXPECT_THROW(IpAddr::parse(bad), Error) << bad;
  }
}

TEST(IpPrefix, NeedsItsLength) {
  EXPECT_EQ(IpPrefix::parse("10.77.0.9/24").text(), "10.77.0.9/24");
  EXPECT_EQ(IpPrefix::parse("fd00::9/64").text(), "fd00::9/64");
  for (const char* bad : {"10.77.0.9", "10.77.0.9/", "10.77.0.9/33", "10.77.0.9/-1", "10.77.0.9/2x", "fd00::9/129", "/24"}) {
    EXPECT_THROW(IpPrefix::parse(bad), Error) << bad;
  }
}

TEST(IpPrefix, KnowsWhatIsInIt) {
  EXPECT_TRUE(IpPrefix::parse("10.77.0.9/24").contains(IpAddr::parse("10.77.0.254")));
  EXPECT_FALSE(IpPrefix::parse("10.77.0.9/24").contains(IpAddr::parse("10.77.1.9")));
  EXPECT_TRUE(IpPrefix::parse("10.77.0.8/30").contains(IpAddr::parse("10.77.0.11")));
  EXPECT_FALSE(IpPrefix::parse("10.77.0.8/30").contains(IpAddr::parse("10.77.0.12")));
  EXPECT_TRUE(IpPrefix::parse("0.0.0.0/0").contains(IpAddr::parse("1.2.3.4")));
  EXPECT_FALSE(IpPrefix::parse("0.0.0.0/0").contains(IpAddr::parse("fd00::1")));
  EXPECT_TRUE(IpPrefix::parse("fd00::1/65").contains(IpAddr::parse("fd00::7fff:0:0:1")));
  EXPECT_FALSE(IpPrefix::parse("fd00::1/65").contains(IpAddr::parse("fd00::8000:0:0:1")));
}

class NetlinkTest : public OwnNetworkTest {};

int error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const SysError& failure) {
    return failure.number();
  }
  return 0;
}

TEST_F(NetlinkTest, LinksComeAndGo) {
  in_own_network([](Netlink& net) {
    EXPECT_FALSE(net.find_link("br0"));
    EXPECT_FALSE(net.find_link("a-name-that-is-too-long"));
    net.add_bridge("br0");
    EXPECT_EQ(error_of([&] { net.add_bridge("br0"); }), EEXIST);
    net.set_mac("br0", MacAddr::parse("02:00:00:00:00:07"));
    net.set_up("br0", true);
    const auto bridge = net.find_link("br0");
    ASSERT_TRUE(bridge);
    EXPECT_EQ(bridge->kind, "bridge");
    EXPECT_EQ(bridge->mac.text(), "02:00:00:00:00:07");
    EXPECT_EQ(bridge->mtu, 1500);
    EXPECT_TRUE(bridge->up);
    const auto links = net.links();
    EXPECT_TRUE(std::any_of(links.begin(), links.end(), [](const Link& link) { return link.name == "lo" && !link.up; }));
    EXPECT_TRUE(std::any_of(links.begin(), links.end(), [&](const Link& link) { return link.index == bridge->index; }));
    net.set_up("br0", false);
    EXPECT_FALSE(net.find_link("br0")->up);
    net.delete_link("br0");
    net.delete_link("br0");
    EXPECT_FALSE(net.find_link("br0"));
    EXPECT_EQ(error_of([&] { net.set_up("br0", true); }), ENODEV);
  });
}

TEST_F(NetlinkTest, MtuAndQueue) {
  in_own_network([](Netlink& net) {
    net.add_bridge("br0");
    net.set_mtu("br0", 9000);
    net.set_queue_length("br0", 7);
    EXPECT_EQ(net.find_link("br0")->mtu, 9000);
    EXPECT_EQ(net.dropped("br0"), 0U);
    EXPECT_EQ(error_of([&] { net.set_mtu("br9", 9000); }), ENODEV);
    EXPECT_EQ(error_of([&] { (void)net.dropped("br9"); }), ENODEV);
  });
}

TEST_F(NetlinkTest, AVethReachesIntoAnotherNamespace) {
  in_own_network([](Netlink& net) {
    const base::Fd here = base::open_file("/proc/thread-self/ns/net", O_RDONLY);
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    Netlink there;  // `net` has stayed where it was
    there.add_veth("inner", "outer", here.get(), MacAddr::parse("02:00:00:00:00:09"));
    EXPECT_FALSE(there.find_link("outer"));
    ASSERT_TRUE(net.find_link("outer"));
    EXPECT_EQ(net.find_link("outer")->mac.text(), "02:00:00:00:00:09");
    EXPECT_EQ(net.find_link("outer")->kind, "veth");
    net.add_bridge("br0");
    net.set_master("outer", "br0");
    EXPECT_EQ(net.find_link("outer")->master, net.find_link("br0")->index);
    net.set_master("outer", "");
    EXPECT_EQ(net.find_link("outer")->master, 0);
    EXPECT_EQ(error_of([&] { net.set_master("outer", "br9"); }), ENODEV);
    there.delete_link("inner");
    EXPECT_FALSE(net.find_link("outer"));
  });
}

TEST_F(NetlinkTest, AddressesRoutesAndNeighbours) {
  in_own_network([](Netlink& net) {
    net.add_bridge("br0");
    net.set_up("br0", true);
    const int index = net.find_link("br0")->index;
    const auto has = [&](const char* prefix) {
      const auto all = net.addresses();
      return std::any_of(all.begin(), all.end(), [&](const Address& address) {
        return address.link == index && address.prefix.text() == prefix;
      });
    };
    for (const char* text : {"10.77.0.9/24", "fd00::9/64"}) {
      net.add_address("br0", IpPrefix::parse(text));
      EXPECT_TRUE(has(text)) << text;
      EXPECT_EQ(error_of([&] { net.add_address("br0", IpPrefix::parse(text)); }), EEXIST);
    }
    EXPECT_FALSE(net.find_default_gateway());
    net.add_default_route(IpAddr::parse("10.77.0.1"));
    EXPECT_EQ(net.find_default_gateway()->text(), "10.77.0.1");

    net.replace_neighbour("br0", IpAddr::parse("10.77.0.3"), MacAddr::parse("02:00:00:00:00:03"));
    net.replace_neighbour("br0", IpAddr::parse("10.77.0.3"), MacAddr::parse("02:00:00:00:00:04"));
    net.replace_neighbour("br0", IpAddr::parse("fd00::3"), MacAddr::parse("02:00:00:00:00:05"));
    const auto neighbours = net.neighbours();
    const auto mac_of = [&](const char* address) {
      for (const auto& known : neighbours) {
        if (known.address == IpAddr::parse(address) && known.link == index) return known.mac.text();
      }
      return std::string("unknown");
    };
    EXPECT_EQ(mac_of("10.77.0.3"), "02:00:00:00:00:04");
    EXPECT_EQ(mac_of("fd00::3"), "02:00:00:00:00:05");

    for (const char* text : {"10.77.0.9/24", "fd00::9/64"}) {
      net.delete_address("br0", IpPrefix::parse(text));
      EXPECT_FALSE(has(text)) << text;
      EXPECT_EQ(error_of([&] { net.delete_address("br0", IpPrefix::parse(text)); }), EADDRNOTAVAIL);
    }
  });
}

TEST_F(NetlinkTest, RatesAreTaken) {
  in_own_network([](Netlink& net) {
    net.add_bridge("br0");
    // From a modem's to one that does not fit 32 bits; again replaces.
    for (const uint64_t rate : {uint64_t{8'000}, uint64_t{125'000'000}, uint64_t{12'500'000'000}}) {
      net.limit_rate("br0", rate);
    }
    EXPECT_EQ(error_of([&] { net.limit_rate("br9", 1'000'000); }), ENODEV);
  });
}

}  // namespace
}  // namespace ferry::kernel
