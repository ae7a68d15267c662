// SPDX-License-Identifier: Apache-2.0
#include "kernel/ip_settings.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>

#include "base/clock.h"
#include "base/fd.h"
#include "kernel/test_network.h"

namespace ferry::kernel {
namespace {

class Ipv6SettingsTest : public OwnNetworkTest {
 protected:
  // A link "inner", still down, with the given MAC; `before`: before it is set up.
  void on_a_link(const std::function<void()>& before, const std::function<void(Netlink&)>& after) {
    in_own_network([&](Netlink& net) {
      const base::Fd here = base::open_file("/proc/thread-self/ns/net", O_RDONLY);
      net.add_veth("outer", "inner", here.get(), MacAddr::parse("02:55:00:00:00:09"));
      net.set_up("outer", true);
      before();
      net.set_up("inner", true);
      after(net);
    });
  }
  void SetUp() override {
    if (!std::filesystem::exists("/proc/sys/net/ipv6")) GTEST_SKIP() << "no IPv6 on this machine";
  }
  static bool can_bind(const char* address) {
    sockaddr_in6 where{};
    where.sin6_family = AF_INET6;
    where.sin6_scope_id = ::if_nametoindex("inner");
    ::inet_pton(AF_INET6, address, &where.sin6_addr);
    const base::Fd socket(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    return ::bind(socket.get(), reinterpret_cast<sockaddr*>(&where), sizeof where) == 0;
  }
  // The link's carrier is noticed a moment after it was set up; detecting duplicates takes a second on top.
  static bool can_soon_bind(const char* address) {
    constexpr auto kWithoutDetection = std::chrono::milliseconds(500);
    for (const auto until = base::mono_now() + kWithoutDetection; base::ms_until(until) > 0; ::usleep(1000)) {
      if (can_bind(address)) return true;
    }
    return false;
  }
  static constexpr const char* kLinkLocal = "fe80::55:ff:fe00:9";  // by the MAC (RFC 4291, appendix A)
};

TEST_F(Ipv6SettingsTest, AStaticLinkHasItsLinkLocalAddressWithoutASearchForDuplicates) {
  on_a_link([] { make_ipv6_static("inner"); }, [](Netlink&) { EXPECT_TRUE(can_soon_bind(kLinkLocal)); });
}

TEST_F(Ipv6SettingsTest, AnotherWaits) {
  on_a_link([] {}, [](Netlink&) { EXPECT_FALSE(can_soon_bind(kLinkLocal)); });
}

TEST_F(Ipv6SettingsTest, WithoutIpv6ItHasNone) {
  on_a_link([] { disable_ipv6("inner"); }, [](Netlink& net) {
    const auto inner = net.find_link("inner")->index;
    EXPECT_TRUE(std::ranges::none_of(net.addresses(), [&](const Address& one) { return one.link == inner; }));
  });
}

}  // namespace
}  // namespace ferry::kernel
