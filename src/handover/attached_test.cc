// SPDX-License-Identifier: Apache-2.0
//
// A network as people make it for a container is found as it is, and what a move would lose of it
// is said.
#include "handover/attached.h"

#include <fcntl.h>
#include <linux/if_link.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "base/error.h"
#include "handover/attachment.h"
#include "kernel/named_network.h"
#include "kernel/test_network.h"

namespace ferry::handover {
namespace {

using kernel::IpAddr;
using kernel::IpPrefix;
using kernel::Netlink;

const auto kMac = kernel::MacAddr::parse("02:55:00:00:00:09");

class AttachedTest : public kernel::OwnNetworkTest {
 protected:
  // A host with the bridge br0, and a container's network whose eth0 is in it, with `change` made
  // in it.
  void with_container(const std::function<void(Netlink& host, int netns)>& work) {
    in_own_network([&](Netlink& host) {
      const base::Fd netns = kernel::make_network();
      host.add_bridge("br0");
      host.add_veth("vbox", "eth0", netns.get(), kMac);
      host.set_master("vbox", "br0");
      host.set_up("vbox", true);
      kernel::in_network_namespace(netns.get(), [] {
        Netlink inside;
        inside.set_mtu("eth0", 1400);
        inside.add_address("eth0", IpPrefix::parse("10.55.0.9/24"));
        inside.add_address("eth0", IpPrefix::parse("fd55::9/64"));
        inside.set_up("eth0", true);
        inside.add_route({IpPrefix::parse("10.99.0.0/16"), IpAddr::parse("10.55.0.1"), 5}, "eth0");
        inside.add_route({IpPrefix::parse("fd99::/64"), std::nullopt, 0}, "eth0");
        inside.add_default_route(IpAddr::parse("10.55.0.1"), "eth0");
      });
      work(host, netns.get());
    });
  }
  static std::string reasons(int netns) {
    std::string text;
    for (const auto& one : find_attached(netns).reasons) text += one.what + ": " + one.why + "\n";
    return text;
  }
};

TEST_F(AttachedTest, OneVethInABridgeIsFoundAndCanBeMadeAgain) {
  with_container([](Netlink& host, int netns) {
    const auto found = find_attached(netns);
    ASSERT_TRUE(found.identity) << reasons(netns);
    EXPECT_EQ(found.identity->addresses_text(), "10.55.0.9/24,fd55::9/64");
    EXPECT_EQ(found.identity->mac, kMac);
    EXPECT_EQ(found.identity->mtu, 1400);
    EXPECT_EQ(found.attachment.link, "vbox");
    EXPECT_EQ(found.attachment.segment, "br0");
    EXPECT_EQ(found.identity->routes.size(), 3U);

    host.delete_link("vbox");
    EXPECT_FALSE(find_attached(netns).identity);
    EXPECT_EQ(reasons(netns), "");  // none is none
    Port port = Port::create(netns, {"again", "br0"}, *found.identity);
    port.open();
    const auto again = find_attached(netns);
    ASSERT_TRUE(again.identity) << reasons(netns);
    EXPECT_EQ(again.identity->addresses, found.identity->addresses);
    EXPECT_EQ(again.identity->mac, kMac);
    EXPECT_EQ(again.identity->mtu, 1400);
    EXPECT_TRUE(std::ranges::is_permutation(again.identity->routes, found.identity->routes));
    EXPECT_EQ(again.attachment.link, "again");
  });
}

TEST_F(AttachedTest, AMacvlanIsFoundAndCanBeMadeAgain) {
  with_container([](Netlink& host, int netns) {
    host.delete_link("vbox");
    host.set_up("br0", true);
    const Attachment place{"", "br0", MACVLAN_MODE_VEPA};
    const auto made = parse_identity("10.55.0.9/24,fd55::9/64", kMac, "10.55.0.1");
    make_link(netns, place, made);
    const auto found = find_attached(netns);
    ASSERT_TRUE(found.identity) << reasons(netns);
    EXPECT_EQ(found.identity->addresses, made.addresses);
    EXPECT_EQ(found.identity->mac, kMac);
    EXPECT_EQ(found.identity->routes.size(), 1U);
    EXPECT_EQ(found.attachment.segment, "br0");
    EXPECT_EQ(found.attachment.macvlan_mode, unsigned{MACVLAN_MODE_VEPA});

    const base::Fd inside(::dup(netns));
    remove_link(found.attachment, *found.identity, inside);
    EXPECT_FALSE(find_attached(netns).identity);
    remove_link(found.attachment, *found.identity, inside);
    make_link(netns, found.attachment, *found.identity);
    EXPECT_TRUE(find_attached(netns).identity) << reasons(netns);
  });
}

TEST_F(AttachedTest, AMacvlanThatCannotBeMadeAgainIsAReason) {
  with_container([](Netlink& host, int netns) {
    const auto refused = [&](uint32_t mode, const std::string& words) {
      host.delete_link("vbox");
      const base::Fd here = base::open_file("/proc/thread-self/ns/net", O_RDONLY);
      host.add_veth("vbox", "parent", here.get());
      host.set_up("parent", true);
      make_link(netns, {"", "parent", mode}, parse_identity("10.55.0.9/24", kMac, ""));
      EXPECT_NE(reasons(netns).find(words), std::string::npos) << reasons(netns);
    };
    refused(MACVLAN_MODE_PASSTHRU, "has parent for itself");
    refused(MACVLAN_MODE_SOURCE, "takes only from some senders");
    refused(MACVLAN_MODE_BRIDGE, "");
    std::string said;
    kernel::in_network_namespace(kernel::make_network().get(), [&] { said = reasons(netns); });
    EXPECT_NE(said.find("the parent of its macvlan eth0 is not in this host's network"),
              std::string::npos)
        << said;
  });
}

TEST_F(AttachedTest, AMacvlansParentIsTheOneOfThatNameIfItCanBeOne) {
  in_own_network([](Netlink& host) {
    const auto identity = parse_identity("10.55.0.9/24", kMac, "");
    EXPECT_THROW((void)find_parent(host, "port", identity), base::Error);
    const base::Fd here = base::open_file("/proc/thread-self/ns/net", O_RDONLY);
    host.add_bridge("br0");
    host.add_address("br0", IpPrefix::parse("10.55.0.1/24"));
    host.add_veth("port", "end", here.get());
    for (const char* link : {"br0", "port", "end"}) host.set_up(link, true);
    EXPECT_EQ(find_parent(host, "port", identity), "port");
    host.set_master("port", "br0");
    EXPECT_EQ(find_parent(host, "port", identity), "br0");
    EXPECT_EQ(find_parent(host, "none", identity), "br0");
  });
}

TEST_F(AttachedTest, WhatWouldBeLostIsAReason) {
  with_container([](Netlink& host, int netns) {
    host.set_master("vbox", "");
    EXPECT_NE(reasons(netns).find("vbox, the other end of its link eth0, is no port of a bridge"),
              std::string::npos)
        << reasons(netns);
    host.set_master("vbox", "br0");
    host.add_veth("vmore", "eth1", netns);
    EXPECT_NE(reasons(netns).find("it has 2 links (eth0, eth1)"), std::string::npos)
        << reasons(netns);
    host.delete_link("vmore");
    kernel::in_network_namespace(netns, [] { Netlink().set_up("eth0", false); });
    EXPECT_NE(reasons(netns).find("its link eth0 is down"), std::string::npos) << reasons(netns);
  });
}

// Its index may be that of a link here.
TEST_F(AttachedTest, TheOtherEndElsewhereIsNotTakenForOneHere) {
  with_container([](Netlink&, int netns) {
    const base::Fd elsewhere = kernel::make_network();
    std::string said;
    kernel::in_network_namespace(elsewhere.get(), [&] { said = reasons(netns); });
    EXPECT_NE(said.find("the other end of its link eth0 is not in this host's network"),
              std::string::npos)
        << said;
  });
}

TEST_F(AttachedTest, ANetworkHasANameUntilItIsForgotten) {
  in_own_network([](Netlink&) {
    const auto place =
        base::Path(::testing::TempDir()) / ("ferry-netns-" + std::to_string(::getpid()));
    const base::Path name = place / "box";
    const base::Fd netns = kernel::make_network();
    kernel::name_network(netns.get(), name);
    EXPECT_TRUE(kernel::is_network(name));
    EXPECT_THROW(kernel::name_network(netns.get(), name), base::SysError);  // taken
    kernel::forget_network(name);
    EXPECT_FALSE(std::filesystem::exists(name));
    kernel::forget_network(name);
    std::ofstream(name) << "somebody's";
    kernel::forget_network(name);
    EXPECT_TRUE(std::filesystem::exists(name));
    std::filesystem::remove_all(place);
  });
}

}  // namespace
}  // namespace ferry::handover
