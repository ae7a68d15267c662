// SPDX-License-Identifier: Apache-2.0
//
// A bridge with an old port and one that comes later, each with a network behind it: what the one
// hears of the other.
#include "handover/segment_barrier.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/fd.h"
#include "kernel/test_network.h"

namespace ferry::handover {
namespace {

const auto kQuietMac = kernel::MacAddr::parse("02:55:00:00:00:08");
const auto kOtherMac = kernel::MacAddr::parse("02:55:00:00:00:07");
constexpr uint16_t kTrialType = 0x88b5;  // IEEE 802: for local experiments
constexpr int kPassesMs = 3'000, kStaysMs = 50, kAgainMs = 10;

class SegmentBarrierTest : public kernel::OwnNetworkTest {
 protected:
  // A veth, one end a port of "br", the other one free to speak.
  static void add_port(kernel::Netlink& net, const std::string& name,
                       const std::string& bridge = "br") {
    const auto here = base::open_file("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    net.add_veth(name, name + "x", here.get());
    net.set_master(name, bridge);
    for (const auto& end : {name, name + "x"}) net.set_up(end, true);
  }
  static base::Fd open_end(kernel::Netlink& net, const std::string& name) {
    base::Fd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_ll place{};
    place.sll_family = AF_PACKET;
    place.sll_protocol = htons(kTrialType);
    place.sll_ifindex = net.find_link(name)->index;
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&place), sizeof place) < 0)
      throw base::SysError("bind", errno, name);
    return socket;
  }
  // Frames to everybody, from that MAC, until one comes: a new port takes a moment.
  static bool passes(const base::Fd& from, const base::Fd& to, const kernel::MacAddr& sender,
                     int wait_ms = kPassesMs) {
    std::array<uint8_t, ETH_ZLEN> frame{};
    std::fill_n(frame.begin(), ETH_ALEN, 0xff);
    std::ranges::copy(sender.bytes, frame.begin() + ETH_ALEN);
    frame[12] = kTrialType >> 8;
    frame[13] = kTrialType & 0xff;
    std::array<uint8_t, ETH_ZLEN> earlier;  // everybody hears each
    while (::recv(to.get(), earlier.data(), earlier.size(), 0) > 0) continue;
    for (int waited = 0; waited < wait_ms; waited += kAgainMs) {
      if (::send(from.get(), frame.data(), frame.size(), 0) < 0)
        throw base::SysError("send", errno, "a frame");
      pollfd comes{to.get(), POLLIN, 0};
      if (::poll(&comes, 1, kAgainMs) == 1) return true;
    }
    return false;
  }
};

TEST_F(SegmentBarrierTest, ANewPortIsNotHeardWithThatMac) {
  in_own_network([](kernel::Netlink& net) {
    for (const char* bridge : {"br", "further"}) {
      net.add_bridge(bridge);
      net.set_up(bridge, true);
    }
    add_port(net, "old");
    add_port(net, "far", "further");
    net.add_veth("between", "betweenx",
                 base::open_file("/proc/thread-self/ns/net", O_RDONLY).get());
    net.set_master("between", "br");
    net.set_master("betweenx", "further");
    for (const char* end : {"between", "betweenx"}) net.set_up(end, true);
    const SegmentBarrier barrier("ferry-trial");
    barrier.shut("br", kQuietMac);
    add_port(net, "new");
    const auto old_end = open_end(net, "oldx"), new_end = open_end(net, "newx"),
               far_end = open_end(net, "farx");
    EXPECT_TRUE(passes(far_end, old_end, kQuietMac)) << "by two bridges";
    EXPECT_TRUE(passes(far_end, new_end, kOtherMac));
    EXPECT_TRUE(passes(old_end, new_end, kQuietMac)) << "the original";
    EXPECT_FALSE(passes(new_end, old_end, kQuietMac, kStaysMs));
    EXPECT_TRUE(passes(new_end, old_end, kOtherMac));
    barrier.open();
    barrier.open();
    EXPECT_TRUE(passes(new_end, old_end, kQuietMac));
    EXPECT_THROW(barrier.shut("none", kQuietMac), base::Error);
  });
}

}  // namespace
}  // namespace ferry::handover
