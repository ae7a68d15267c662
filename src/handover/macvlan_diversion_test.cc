// SPDX-License-Identifier: Apache-2.0
//
// One host in a network namespace of its own: a bridge, a client at one port of it, somebody else
// at another, and the workload's network, in which there is a macvlan on the bridge.
#include "handover/macvlan_diversion.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "base/clock.h"
#include "handover/attachment.h"
#include "handover/parking.h"
#include "kernel/named_network.h"
#include "kernel/test_network.h"

namespace ferry::handover {
namespace {

using kernel::IpPrefix;
using kernel::Netlink;

constexpr uint16_t kNumbersPort = 7071;
constexpr int kNumbersComeMs = 2'000, kNoneComesMs = 50;
const auto kMacvlanMac = kernel::MacAddr::parse("02:55:00:00:00:09");
const Attachment kOnBridge{"", "br0", MACVLAN_MODE_BRIDGE};

std::vector<int> count(int from, int to) {
  std::vector<int> all;
  for (int i = from; i < to; ++i) all.push_back(i);
  return all;
}

// Numbered datagrams, from and to sockets of whatever network.
class Numbers {
 public:
  Numbers(int netns, const char* own) {
    kernel::in_network_namespace(netns, [&] {
      socket_ = base::Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      const auto place = at(own);
      EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&place), sizeof place), 0);
    });
  }
  // How many the kernel took.
  int send(const char* to, const std::vector<int>& numbers) const {
    const auto place = at(to);
    int taken = 0;
    for (const int number : numbers)
      taken += ::sendto(socket_.get(), &number, sizeof number, 0,
                        reinterpret_cast<const sockaddr*>(&place), sizeof place) > 0;
    return taken;
  }
  // In order of arrival; waits for so many, and a moment more for what should not come.
  std::vector<int> received(size_t wanted) const {
    std::vector<int> numbers;
    while (base::wait_readable(socket_.get(),
                               numbers.size() < wanted ? kNumbersComeMs : kNoneComesMs)) {
      int number = -1;
      if (::recv(socket_.get(), &number, sizeof number, 0) == sizeof number)
        numbers.push_back(number);
    }
    return numbers;
  }

 private:
  static sockaddr_in at(const char* address) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(kNumbersPort);
    ::inet_pton(AF_INET, address, &where.sin_addr);
    return where;
  }
  base::Fd socket_;
};

struct Bridged {
  Bridged(Netlink& net, int inside)
      : here(base::open_file("/proc/thread-self/ns/net", O_RDONLY)),
        identity(parse_identity("10.55.0.9/24", kMacvlanMac, "")) {
    net.add_bridge("br0");
    net.set_up("br0", true);
    for (const std::string name : {"client", "other"}) {
      net.add_veth(name + "-port", name, here.get());
      net.set_up(name, true);
      net.set_up(name + "-port", true);
      net.set_master(name + "-port", "br0");
    }
    net.add_address("client", IpPrefix::parse("10.55.0.1/24"));
    net.replace_neighbour("client", identity.addresses.front().address, kMacvlanMac);
    make_link(inside, kOnBridge, identity);
    put_neighbours(inside, identity.link,
                   {{kernel::IpAddr::parse("10.55.0.1"), net.find_link("client")->mac}});
  }
  base::Fd here;
  Identity identity;
};

class MacvlanDiversionTest : public kernel::OwnNetworkTest {
 protected:
  void on_a_bridge(const std::function<void(const Bridged&, const base::Fd& netns)>& work) {
    in_own_network([&](Netlink& net) {
      const base::Fd netns = kernel::make_network();
      const Bridged segment(net, netns.get());
      work(segment, netns);
    });
  }
};

// Frames for it that come out at a port at which it is not.
int leaked(const base::Fd& wire) {
  int frames = 0;
  std::array<uint8_t, 2048> frame;
  while (::recv(wire.get(), frame.data(), frame.size(), MSG_DONTWAIT) > 0)
    frames += std::memcmp(frame.data(), kMacvlanMac.bytes.data(), ETH_ALEN) == 0;
  return frames;
}

base::Fd listen_at(const char* link) {
  base::Fd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  sockaddr_ll where{};
  where.sll_family = AF_PACKET;
  where.sll_protocol = htons(ETH_P_ALL);
  where.sll_ifindex = static_cast<int>(::if_nametoindex(link));
  EXPECT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&where), sizeof where), 0);
  return socket;
}

TEST_F(MacvlanDiversionTest, WhatWaitedComesFirstAndEachOnce) {
  on_a_bridge([](const Bridged& segment, const base::Fd& netns) {
    const Numbers client(segment.here.get(), "10.55.0.1"), workload(netns.get(), "10.55.0.9");
    const auto other = listen_at("other");
    Parking parking(diversion_of(kOnBridge, segment.identity, netns));
    ASSERT_TRUE(parking.opens_gate());
    parking.stand_by();
    parking.take_over();
    client.send("10.55.0.9", count(0, 50));
    EXPECT_EQ(workload.received(0), count(0, 0));
    parking.let_workload_speak();
    client.send("10.55.0.9", count(50, 100));
    EXPECT_EQ(workload.received(0), count(0, 0));
    parking.release();
    EXPECT_EQ(workload.received(100), count(0, 100));
    client.send("10.55.0.9", count(100, 110));
    EXPECT_EQ(workload.received(10), count(100, 110));
    parking.close();
    client.send("10.55.0.9", count(110, 120));
    EXPECT_EQ(workload.received(10), count(110, 120));
    EXPECT_EQ(leaked(other), 0);
  });
}

// As on the host that it comes from: those go before all that waits here, and those that come late
// are given at once.
TEST_F(MacvlanDiversionTest, WhatCameElsewhereIsGivenToo) {
  on_a_bridge([](const Bridged& segment, const base::Fd& netns) {
    const Numbers client(segment.here.get(), "10.55.0.1"), workload(netns.get(), "10.55.0.9");
    const auto elsewhere = diversion_of(kOnBridge, segment.identity, {});
    elsewhere->stand_by();
    elsewhere->begin();
    std::vector<std::string> frames;
    client.send("10.55.0.9", count(0, 2));
    while (frames.size() < 2 && base::wait_readable(elsewhere->fd(), kNumbersComeMs)) {
      elsewhere->take(kMostAtOnce, [&](Frame frame) {
        if (elsewhere->is_for_it_alone(frame)) frames.push_back(bytes_of(frame));
      });
    }
    ASSERT_EQ(frames.size(), 2U);
    elsewhere->loosen();
    Parking parking(diversion_of(kOnBridge, segment.identity, netns));
    parking.stand_by();
    parking.take_over();
    client.send("10.55.0.9", count(2, 5));
    parking.add_straggler(std::as_bytes(std::span(frames[0])));
    parking.let_workload_speak();
    parking.release();
    EXPECT_EQ(workload.received(4), (std::vector<int>{0, 2, 3, 4}));
    parking.close();
    parking.add_straggler(std::as_bytes(std::span(frames[1])));
    EXPECT_EQ(workload.received(1), count(1, 2));
  });
}

TEST_F(MacvlanDiversionTest, ItSaysNothingBeforeItMay) {
  on_a_bridge([](const Bridged& segment, const base::Fd& netns) {
    const Numbers client(segment.here.get(), "10.55.0.1"), workload(netns.get(), "10.55.0.9");
    Parking parking(diversion_of(kOnBridge, segment.identity, netns));
    parking.stand_by();
    parking.take_over();
    EXPECT_EQ(workload.send("10.55.0.1", count(0, 3)), 0);
    EXPECT_EQ(client.received(0), count(0, 0));
    parking.let_workload_speak();
    EXPECT_EQ(workload.send("10.55.0.1", count(3, 5)), 2);
    EXPECT_EQ(client.received(2), count(3, 5));
    parking.release();
  });
}

// Nothing of its outlives it but the barrier, which its gate opens.
TEST_F(MacvlanDiversionTest, WithoutItTheGateOpensAndFramesComeDirectly) {
  on_a_bridge([](const Bridged& segment, const base::Fd& netns) {
    const Numbers client(segment.here.get(), "10.55.0.1"), workload(netns.get(), "10.55.0.9");
    {
      Parking parking(diversion_of(kOnBridge, segment.identity, netns));
      parking.stand_by();
      parking.take_over();
      parking.let_workload_speak();
    }
    client.send("10.55.0.9", count(0, 5));
    EXPECT_EQ(workload.received(0), count(0, 0));
    const auto gate = gate_of(kOnBridge, segment.identity,
                              [&] { return base::Fd(::fcntl(netns.get(), F_DUPFD_CLOEXEC, 0)); });
    gate->open();
    client.send("10.55.0.9", count(5, 10));
    EXPECT_EQ(workload.received(5), count(5, 10));
    gate->shut();
    client.send("10.55.0.9", count(10, 15));
    EXPECT_EQ(workload.received(0), count(0, 0));
  });
}

TEST_F(MacvlanDiversionTest, OnlyABridgeCanLeadItsFramesElsewhere) {
  in_own_network([](Netlink& net) {
    net.add_bridge("br0");
    const base::Fd here = base::open_file("/proc/thread-self/ns/net", O_RDONLY);
    net.add_veth("out", "end", here.get());
    EXPECT_EQ(why_no_diversion(kOnBridge), "");
    EXPECT_EQ(why_no_diversion({"", "out", MACVLAN_MODE_BRIDGE}),
              "its macvlan stands on out, which is no bridge");
    EXPECT_EQ(why_no_diversion({"out", "br0"}), "");
  });
}

}  // namespace
}  // namespace ferry::handover
