// SPDX-License-Identifier: Apache-2.0
#include "kernel/tap.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "kernel/test_network.h"

namespace ferry::kernel {
namespace {

class TapTest : public OwnNetworkTest {};

using Bytes = std::array<std::byte, 60>;

Bytes frame_with(int number) {
  Bytes frame{};
  std::memset(frame.data(), 0xff, 6);
  frame[12] = std::byte{0x88};  // local experimental Ethertype 88b5
  frame[13] = std::byte{0xb5};
  frame[14] = static_cast<std::byte>(number);
  return frame;
}

// Through the link, as the kernel would send.
class Sender {
 public:
  explicit Sender(const std::string& link) : socket_(::socket(AF_PACKET, SOCK_RAW, htons(0x88b5))) {
    sockaddr_ll where{};
    where.sll_family = AF_PACKET;
    where.sll_protocol = htons(0x88b5);
    where.sll_ifindex = static_cast<int>(::if_nametoindex(link.c_str()));
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&where), sizeof where), 0);
  }
  bool send(const Bytes& frame) const { return ::send(socket_.get(), frame.data(), frame.size(), 0) == 60; }
  int receive() const {
    Bytes frame{};
    if (::recv(socket_.get(), frame.data(), frame.size(), MSG_DONTWAIT) < 0) return -1;
    return std::to_integer<int>(frame[14]);
  }

 private:
  base::Fd socket_;
};

TEST_F(TapTest, FramesGoBothWaysInOrder) {
  in_own_network([](Netlink& net) {
    const Tap tap("tap%d");
    EXPECT_EQ(tap.name(), "tap0");
    net.set_up(tap.name(), true);
    const Sender link(tap.name());
    std::array<std::byte, 2000> buffer{};
    while (tap.try_read(buffer)) continue;  // what the kernel itself says on a new link
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(link.send(frame_with(i)));
    for (int i = 0; i < 100;) {
      const auto frame = tap.try_read(buffer);
      ASSERT_TRUE(frame);
      if ((*frame)[12] != std::byte{0x88}) continue;
      EXPECT_EQ(std::to_integer<int>((*frame)[14]), i++);
    }
    tap.write(frame_with(7));
    EXPECT_EQ(link.receive(), 7);
  });
}

TEST_F(TapTest, ItsQueueIsBoundedAndCounts) {
  in_own_network([](Netlink& net) {
    const Tap tap("tap%d");
    net.set_queue_length(tap.name(), 10);
    net.set_up(tap.name(), true);
    const Sender link(tap.name());
    const auto before = net.dropped(tap.name());
    for (int i = 0; i < 30; ++i) (void)link.send(frame_with(i));
    EXPECT_GE(net.dropped(tap.name()) - before, 20U);
    std::array<std::byte, 2000> buffer{};
    int waited = 0;
    while (tap.try_read(buffer)) ++waited;
    EXPECT_EQ(waited, 10);
  });
}

TEST_F(TapTest, GoesWithItsObject) {
  in_own_network([](Netlink& net) {
    {
      const Tap tap("tap%d");
      EXPECT_TRUE(net.find_link("tap0"));
    }
    EXPECT_FALSE(net.find_link("tap0"));
  });
}

}  // namespace
}  // namespace ferry::kernel
