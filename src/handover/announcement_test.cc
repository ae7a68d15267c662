// SPDX-License-Identifier: Apache-2.0
//
// Told by the kernel's own tables: what a neighbour believes after the frame.
#include "handover/announcement.h"

#include <fcntl.h>

#include <algorithm>

#include "handover/link_socket.h"
#include "kernel/test_network.h"

namespace ferry::handover {
namespace {

class AnnouncementTest : public kernel::OwnNetworkTest {
 protected:
  // What the neighbour knows of the address afterwards, having believed something else before.
  kernel::MacAddr believed_after(const std::string& neighbour, const Identity& identity) {
    kernel::MacAddr believed;
    in_own_network([&](kernel::Netlink& net) {
      const base::Fd here = base::open_file("/proc/thread-self/ns/net", O_RDONLY);
      net.add_veth("inner", "outer", here.get());
      net.add_address("outer", kernel::IpPrefix::parse(neighbour));
      net.set_up("outer", true);
      net.set_up("inner", true);
      net.replace_neighbour("outer", identity.address.address, kernel::MacAddr::parse("02:55:00:00:00:01"));
      const std::string told = announcement(identity);
      LinkSocket("inner").send(std::as_bytes(std::span(told)));
      for (const auto& known : net.neighbours()) {
        if (known.address == identity.address.address) believed = known.mac;
      }
    });
    return believed;
  }
  const kernel::MacAddr mac_ = kernel::MacAddr::parse("02:55:00:00:00:09");
};

TEST_F(AnnouncementTest, AnIpv4NeighbourBelievesIt) {
  EXPECT_EQ(believed_after("10.55.0.1/24", {kernel::IpPrefix::parse("10.55.0.9/24"), mac_, {}}).text(), mac_.text());
}

TEST_F(AnnouncementTest, AnIpv6NeighbourBelievesIt) {
  EXPECT_EQ(believed_after("fd55::1/64", {kernel::IpPrefix::parse("fd55::9/64"), mac_, {}}).text(), mac_.text());
}

}  // namespace
}  // namespace ferry::handover
