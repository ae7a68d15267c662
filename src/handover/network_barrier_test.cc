// SPDX-License-Identifier: Apache-2.0
//
// Two networks joined by a veth, with a barrier in one of them: what a packet socket at the other
// end sees of it, and what sockets of either make of it.
#include "handover/network_barrier.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/clock.h"
#include "base/error.h"
#include "handover/address_probe.h"
#include "kernel/named_network.h"
#include "kernel/test_network.h"

namespace ferry::handover {
namespace {

using kernel::IpAddr;
using kernel::IpPrefix;
using kernel::Netlink;

constexpr uint16_t kBarrierPort = 7070;
constexpr int kComesMs = 3'000, kStaysAwayMs = 50;
constexpr int kItWouldSpeakMs = 1'500;  // as the first test of that case shows
const auto kBarrierMac = kernel::MacAddr::parse("02:55:00:00:00:09");

struct Place {
  sockaddr_storage bytes{};
  socklen_t size = 0;
  int family() const { return bytes.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&bytes); }
};

Place place_at(const std::string& address, uint16_t port) {
  const auto parsed = IpAddr::parse(address);
  Place place;
  place.bytes.ss_family = static_cast<sa_family_t>(parsed.family());
  auto* v4 = reinterpret_cast<sockaddr_in*>(&place.bytes);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&place.bytes);
  const bool is_v4 = parsed.family() == AF_INET;
  (is_v4 ? v4->sin_port : v6->sin6_port) = htons(port);
  void* const bytes = is_v4 ? static_cast<void*>(&v4->sin_addr) : &v6->sin6_addr;
  std::copy_n(parsed.bytes.begin(), parsed.size, static_cast<uint8_t*>(bytes));
  place.size = is_v4 ? sizeof *v4 : sizeof *v6;
  return place;
}

base::Fd socket_in(int netns, int family, int type, int protocol = 0) {
  base::Fd socket;
  kernel::in_network_namespace(netns, [&] {
    socket = base::Fd(::socket(family, type | SOCK_CLOEXEC, protocol));
    if (!socket) throw base::SysError("socket", errno, "");
  });
  return socket;
}

base::Fd bound_in(int netns, const std::string& address, int type) {
  const auto place = place_at(address, kBarrierPort);
  base::Fd socket = socket_in(netns, place.family(), type);
  if (::bind(socket.get(), place.get(), place.size) < 0)
    throw base::SysError("bind", errno, address);
  if (type == SOCK_STREAM && ::listen(socket.get(), 1) < 0)
    throw base::SysError("listen", errno, address);
  return socket;
}

bool passes(const base::Fd& from, const base::Fd& to, const Place& where, int wait_ms) {
  (void)::sendto(from.get(), "x", 1, MSG_NOSIGNAL, where.get(),
                 where.size);  // EPERM behind a barrier
  std::array<char, 8> buffer;
  return base::wait_readable(to.get(), wait_ms) &&
         ::recv(to.get(), buffer.data(), buffer.size(), 0) > 0;  // or with what TCP repeats
}

bool answers_ping(const std::string& address) {
  const auto place = place_at(address, 0);
  const bool is_v4 = place.family() == AF_INET;
  const int protocol = is_v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6};
  const base::Fd ping(::socket(place.family(), SOCK_RAW | SOCK_CLOEXEC, protocol));
  std::array<uint8_t, 8> question{uint8_t(is_v4 ? 8 : 128)};
  if (is_v4) question[2] = 0xf7, question[3] = 0xff;  // its checksum; of ICMPv6 the kernel makes it
  (void)::sendto(ping.get(), question.data(), question.size(), 0, place.get(), place.size);
  const auto deadline = base::mono_now() + std::chrono::milliseconds(200);
  std::array<uint8_t, 256> answer;
  while (base::wait_readable(ping.get(), base::ms_until(deadline))) {
    const ssize_t got = ::recv(ping.get(), answer.data(), answer.size(), 0);
    if (got >= 8 && (is_v4 ? answer[20] == 0 : answer[0] == 129)) return true;
  }
  return false;
}

// What comes in on a link here.
base::Fd frames_into(const std::string& link) {
  base::Fd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  const int yes = 1;
  EXPECT_EQ(::setsockopt(socket.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof yes), 0);
  sockaddr_ll where{};
  where.sll_family = AF_PACKET;
  where.sll_protocol = htons(ETH_P_ALL);
  where.sll_ifindex = static_cast<int>(::if_nametoindex(link.c_str()));
  EXPECT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&where), sizeof where), 0);
  return socket;
}

// The two ends of a connection, and of one without, in one family.
struct Talk {
  Talk(int inside, int outside, const std::string& in_address, const std::string& out_address)
      : in_place(place_at(in_address, kBarrierPort)),
        out_place(place_at(out_address, kBarrierPort)),
        in_datagrams(bound_in(inside, in_address, SOCK_DGRAM)),
        out_datagrams(bound_in(outside, out_address, SOCK_DGRAM)),
        in_stream(socket_in(inside, in_place.family(), SOCK_STREAM)) {
    const auto listener = bound_in(outside, out_address, SOCK_STREAM);
    EXPECT_EQ(::connect(in_stream.get(), out_place.get(), out_place.size), 0);
    out_stream = base::Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }
  // Each way by each.
  int passing(int wait_ms) const {
    return passes(in_datagrams, out_datagrams, out_place, wait_ms) +
           passes(out_datagrams, in_datagrams, in_place, wait_ms) +
           passes(in_stream, out_stream, {}, wait_ms) + passes(out_stream, in_stream, {}, wait_ms);
  }

  Place in_place, out_place;
  base::Fd in_datagrams, out_datagrams, in_stream, out_stream;
};

class NetworkBarrierTest : public kernel::OwnNetworkTest {
 protected:
  // This network has `out`, the other one eth0 with the address 9.
  void with_two_networks(const std::function<void(Netlink& here, int netns)>& work) {
    in_own_network([&](Netlink& here) {
      const base::Fd netns = kernel::make_network();
      here.add_veth("out", "eth0", netns.get(), kBarrierMac);
      here.add_address("out", IpPrefix::parse("10.55.0.1/24"));
      here.add_address("out", IpPrefix::parse("fd55::1/64"));
      here.set_up("out", true);
      kernel::in_network_namespace(netns.get(), [] {
        Netlink inside;
        inside.add_address("eth0", IpPrefix::parse("10.55.0.9/24"));
        inside.add_address("eth0", IpPrefix::parse("fd55::9/64"));
        inside.set_up("eth0", true);
        inside.set_up("lo", true);
      });
      work(here, netns.get());
    });
  }
  static base::Fd own_network() { return base::open_file("/proc/thread-self/ns/net", O_RDONLY); }
};

TEST_F(NetworkBarrierTest, ThisKernelTakesOne) {
  in_own_network([](Netlink&) { EXPECT_EQ(why_no_network_barrier(), ""); });
}

TEST_F(NetworkBarrierTest, NothingComesInOrGoesOutUntilItIsOpened) {
  with_two_networks([](Netlink&, int netns) {
    const base::Fd outside = own_network();
    const Talk v4(netns, outside.get(), "10.55.0.9", "10.55.0.1");
    const Talk v6(netns, outside.get(), "fd55::9", "fd55::1");
    ASSERT_EQ(v4.passing(kComesMs) + v6.passing(kComesMs), 8);
    NetworkBarrier barrier(netns);
    barrier.shut();
    barrier.shut();
    EXPECT_EQ(v4.passing(kStaysAwayMs) + v6.passing(kStaysAwayMs), 0);
    barrier.open();
    barrier.open();
    EXPECT_EQ(v4.passing(kComesMs) + v6.passing(kComesMs), 8);
  });
}

TEST_F(NetworkBarrierTest, ItStaysShutWhenItsMakerHasGone) {
  with_two_networks([](Netlink&, int netns) {
    const base::Fd outside = own_network();
    const Talk talk(netns, outside.get(), "10.55.0.9", "10.55.0.1");
    { NetworkBarrier(netns).shut(); }
    EXPECT_EQ(talk.passing(kStaysAwayMs), 0);
    { NetworkBarrier(netns).open(); }
    EXPECT_EQ(talk.passing(kComesMs), 4);
  });
}

TEST_F(NetworkBarrierTest, AllGoesOutAndOneSenderComesIn) {
  with_two_networks([](Netlink& here, int netns) {
    const base::Fd outside = own_network();
    const Talk talk(netns, outside.get(), "10.55.0.9", "10.55.0.1");
    ASSERT_EQ(talk.passing(kComesMs), 4);
    NetworkBarrier barrier(netns);
    barrier.shut();
    barrier.let_in(kernel::MacAddr::parse("02:55:00:00:00:77"));
    EXPECT_TRUE(passes(talk.in_datagrams, talk.out_datagrams, talk.out_place, kComesMs));
    EXPECT_FALSE(passes(talk.out_datagrams, talk.in_datagrams, talk.in_place, kStaysAwayMs));
    barrier.shut();
    EXPECT_FALSE(passes(talk.in_datagrams, talk.out_datagrams, talk.out_place, kStaysAwayMs));
    barrier.let_in(here.find_link("out")->mac);
    EXPECT_TRUE(passes(talk.out_datagrams, talk.in_datagrams, talk.in_place, kComesMs));
    barrier.shut();
    EXPECT_EQ(talk.passing(kStaysAwayMs), 0);
    barrier.open();
    EXPECT_EQ(talk.passing(kComesMs), 4);
  });
}

// The kernel answers questions for an address, and pings, whatever the workload does.
TEST_F(NetworkBarrierTest, ItsKernelAnswersNobody) {
  with_two_networks([](Netlink& here, int netns) {
    const auto identity = parse_identity("10.55.0.9/24,fd55::9/64", kBarrierMac, "");
    const auto answers = [&](const char* address) {
      return find_owners("out", parse_identity(address, kBarrierMac, ""),
                         std::chrono::milliseconds(200))
          .itself;
    };
    // A new link takes a moment to have IPv6.
    const auto deadline = base::mono_now() + std::chrono::milliseconds(kComesMs);
    while (!answers("fd55::9/64")) ASSERT_GT(base::ms_until(deadline), 0);
    ASSERT_TRUE(answers("10.55.0.9/24"));
    for (const auto& [address, length] : identity.addresses)
      here.replace_neighbour("out", address, kBarrierMac);
    ASSERT_TRUE(answers_ping("10.55.0.9") && answers_ping("fd55::9"));
    NetworkBarrier barrier(netns);
    barrier.shut();
    EXPECT_FALSE(answers("10.55.0.9/24"));
    EXPECT_FALSE(answers("fd55::9/64"));
    EXPECT_FALSE(answers_ping("10.55.0.9") || answers_ping("fd55::9"));
    barrier.open();
    EXPECT_TRUE(answers("10.55.0.9/24"));
    EXPECT_TRUE(answers("fd55::9/64"));
    EXPECT_TRUE(answers_ping("10.55.0.9") && answers_ping("fd55::9"));
  });
}

// A link that comes up has much to say by IPv6, and a connection repeats what is not acknowledged.
TEST_F(NetworkBarrierTest, ItsKernelSaysNothingByItself) {
  with_two_networks([](Netlink&, int netns) {
    const base::Fd outside = own_network();
    const Talk talk(netns, outside.get(), "10.55.0.9", "10.55.0.1");
    const base::Fd wire = frames_into("out");
    const auto link_comes_up = [&] {
      kernel::in_network_namespace(netns, [] {
        Netlink inside;
        inside.set_up("eth0", false);
        inside.set_up("eth0", true);
      });
    };
    const auto forget = [&] {
      std::array<char, 2048> frame;
      while (::recv(wire.get(), frame.data(), frame.size(), MSG_DONTWAIT) > 0) continue;
    };
    link_comes_up();
    ASSERT_TRUE(base::wait_readable(wire.get(), kComesMs));
    NetworkBarrier barrier(netns);
    barrier.shut();
    forget();
    link_comes_up();
    ASSERT_EQ(::send(talk.in_stream.get(), "x", 1, MSG_NOSIGNAL), 1);
    EXPECT_FALSE(base::wait_readable(wire.get(), kItWouldSpeakMs));
    barrier.open();
    EXPECT_TRUE(base::wait_readable(wire.get(), kComesMs));
  });
}

}  // namespace
}  // namespace ferry::handover
