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
  // What the neighbour knows of each address afterwards, having believed something else before.
  std::vector<std::string> believed_after(const std::vector<std::string>& neighbour, const Identity& identity) {
    std::vector<std::string> believed;
    in_own_network([&](kernel::Netlink& net) {
      const base::Fd here = base::open_file("/proc/thread-self/ns/net", O_RDONLY);
      net.add_veth("inner", "outer", here.get());
      for (const auto& address : neighbour) net.add_address("outer", kernel::IpPrefix::parse(address));
      net.set_up("outer", true);
      net.set_up("inner", true);
      const auto wrong = kernel::MacAddr::parse("02:55:00:00:00:01");
      for (const auto& [address, length] : identity.addresses) net.replace_neighbour("outer", address, wrong);
      const LinkSocket link("inner");
      for (const auto& told : announcements(identity)) link.send(std::as_bytes(std::span(told)));
      for (const auto& [address, length] : identity.addresses) {
        for (const auto& known : net.neighbours()) {
          if (known.address == address) believed.push_back(known.mac.text());
        }
      }
    });
    return believed;
  }
  const std::string mac_ = "02:55:00:00:00:09";
  Identity with(const std::string& addresses) const { return parse_identity(addresses, kernel::MacAddr::parse(mac_), ""); }
};

TEST_F(AnnouncementTest, AnIpv4NeighbourBelievesIt) {
  EXPECT_EQ(believed_after({"10.55.0.1/24"}, with("10.55.0.9/24")), std::vector{mac_});
}

TEST_F(AnnouncementTest, AnIpv6NeighbourBelievesIt) {
  EXPECT_EQ(believed_after({"fd55::1/64"}, with("fd55::9/64")), std::vector{mac_});
}

TEST_F(AnnouncementTest, BothFamiliesAreAnnounced) {
  EXPECT_EQ(believed_after({"10.55.0.1/24", "fd55::1/64"}, with("10.55.0.9/24,fd55::9/64")), (std::vector{mac_, mac_}));
}

}  // namespace
}  // namespace ferry::handover
