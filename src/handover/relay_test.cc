// SPDX-License-Identifier: Apache-2.0
//
// What a relay carries, with the kernel's own sockets at its ends.
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

#include <array>
#include <cstring>

#include "handover/internet_checksum.h"
#include "handover/relay_pair.h"
#include "kernel/conntrack.h"

namespace ferry::handover {
namespace {

void offload(const base::Fd& network, const char* link, bool on) {
  RelayLab::in(network, [&](kernel::Netlink&) {
    const base::Fd socket(::socket(AF_INET, SOCK_DGRAM, 0));
    for (const uint32_t command : {ETHTOOL_STSO, ETHTOOL_STXCSUM}) {
      ethtool_value value{command, on ? 1U : 0U};
      ifreq request{};
      std::strcpy(request.ifr_name, link);
      request.ifr_data = reinterpret_cast<char*>(&value);
      EXPECT_EQ(::ioctl(socket.get(), SIOCETHTOOL, &request), 0) << link;
    }
  });
}

TEST_F(RelayTest, NewConnectionsReachTheWorkloadWhichSeesTheirClients) {
  RelayLab lab;
  Relayed relayed(lab);
  relayed.serve();
  const auto listener = RelayLab::bound(lab.container, SOCK_STREAM, "0.0.0.0", kInside);
  for (int i = 0; i < 20; ++i) {
    const auto client = RelayLab::connected(lab.client, SOCK_STREAM, kEast, kPublished);
    ASSERT_TRUE(client) << errno;
    sockaddr_in peer{}, mine{};
    const auto server = accepted(listener, &peer);
    ASSERT_TRUE(server);
    socklen_t size = sizeof mine;
    ::getsockname(client.get(), reinterpret_cast<sockaddr*>(&mine), &size);
    EXPECT_EQ(peer.sin_addr.s_addr, mine.sin_addr.s_addr);
    EXPECT_EQ(peer.sin_port, mine.sin_port);
    EXPECT_TRUE(exchange_whole(client.get(), server.get(), 10'000));
  }
  const auto [client, server] = connect_through(lab, listener);
  EXPECT_TRUE(exchange_whole(client.get(), server.get(), 10 << 20));
  // Nobody listens any more: the workload's own kernel says so.
  EXPECT_FALSE(RelayLab::connected(lab.client, SOCK_STREAM, kEast, 9999));
}

// Checksums that the sender has made are those that the receiver checks.
TEST_F(RelayTest, CompleteChecksumsStayRight) {
  RelayLab lab;
  offload(lab.client, "c0", false);
  offload(lab.container, "eth0", false);
  Relayed relayed(lab);
  relayed.serve();
  const auto listener = RelayLab::bound(lab.container, SOCK_STREAM, "0.0.0.0", kInside);
  const auto [client, server] = connect_through(lab, listener);
  ASSERT_TRUE(client && server);
  EXPECT_TRUE(exchange_whole(client.get(), server.get(), 1 << 20));
  const auto inside = RelayLab::bound(lab.container, SOCK_DGRAM, "0.0.0.0", 53);
  const auto asker = RelayLab::connected(lab.client, SOCK_DGRAM, kEast, 5353);
  for (const int without : {0, 1}) {
    ::setsockopt(asker.get(), SOL_SOCKET, SO_NO_CHECK, &without, sizeof without);
    for (int i = 0; i < 200; ++i) {  // among so many sums there are odd ones
      const auto text = pattern(static_cast<size_t>(i + 1));
      ASSERT_TRUE(send_all(asker.get(), text));
      sockaddr_in from{};
      socklen_t size = sizeof from;
      std::string got(2'000, '\0');
      const ssize_t bytes = ::recvfrom(inside.get(), got.data(), got.size(), 0,
                                       reinterpret_cast<sockaddr*>(&from), &size);
      ASSERT_EQ(bytes, i + 1);
      ::sendto(inside.get(), got.data(), static_cast<size_t>(bytes), 0,
               reinterpret_cast<sockaddr*>(&from), size);
      ASSERT_EQ(receive_all(asker.get(), static_cast<size_t>(bytes)), text);
    }
  }
}

// One end of a connection that has never been made, as CRIU restores them (tcp(7), TCP_REPAIR).
base::Fd restored(const base::Fd& network, const sockaddr_in& local, const sockaddr_in& peer,
                  uint32_t send, uint32_t receive) {
  auto socket = RelayLab::make_socket(network, SOCK_STREAM);
  const auto set = [&](int option, int value) {
    EXPECT_EQ(::setsockopt(socket.get(), IPPROTO_TCP, option, &value, sizeof value), 0) << errno;
  };
  const int yes = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  set(TCP_REPAIR, 1);
  set(TCP_REPAIR_QUEUE, TCP_SEND_QUEUE);
  set(TCP_QUEUE_SEQ, static_cast<int>(send));
  set(TCP_REPAIR_QUEUE, TCP_RECV_QUEUE);
  set(TCP_QUEUE_SEQ, static_cast<int>(receive));
  EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&local), sizeof local), 0)
      << errno;
  EXPECT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&peer), sizeof peer), 0)
      << errno;
  constexpr uint32_t kScale = 7;
  const std::array<tcp_repair_opt, 3> agreed{
      {{TCPOPT_MAXSEG, 1'460}, {TCPOPT_WINDOW, kScale | kScale << 16}, {TCPOPT_SACK_PERMITTED, 0}}};
  EXPECT_EQ(
      ::setsockopt(socket.get(), IPPROTO_TCP, TCP_REPAIR_OPTIONS, agreed.data(), sizeof agreed), 0)
      << errno;
  constexpr int kOffWithoutProbe =
      -1;  // linux/tcp.h: its other end may not be there yet, and would reset it
  set(TCP_REPAIR, kOffWithoutProbe);
  return socket;
}

TEST_F(RelayTest, EstablishedConnectionsGoOnWhoeverSpeaksFirst) {
  RelayLab lab;
  RelayLab::in(lab.east, [&](kernel::Netlink& net) {
    RelayLab::in(lab.client, [&](kernel::Netlink& there) {
      net.replace_neighbour("br0", kernel::IpAddr::parse("10.60.0.1"), there.find_link("c0")->mac);
    });
  });
  Relayed relayed(lab);
  relayed.entrance->begin();
  std::vector<std::pair<base::Fd, base::Fd>> pairs;
  for (uint16_t port = 40'000; port < 40'004; ++port) {
    const auto client = place_at("10.60.0.1", port);
    auto outside = restored(lab.client, client, place_at(kEast, kPublished), 1'000, 5'000);
    pairs.emplace_back(std::move(outside), restored(lab.container, place_at(kContainer, kInside),
                                                    client, 5'000, 1'000));
  }
  // It waits for them in the pause.
  ASSERT_TRUE(send_all(pairs[0].first.get(), "from the client"));
  relayed.exit->know_connections();
  relayed.exit->wait_until_known();
  ASSERT_TRUE(send_all(pairs[1].second.get(), "from the workload"));  // nobody serves it yet
  relayed.serve_begun();
  EXPECT_EQ(receive_all(pairs[0].second.get(), 15), "from the client");
  EXPECT_EQ(receive_all(pairs[1].first.get(), 17), "from the workload");
  for (const auto& [client, server] : pairs)
    EXPECT_TRUE(exchange_whole(client.get(), server.get(), 10 << 20));
  std::this_thread::sleep_for(2 * kRelayLook);
  EXPECT_EQ(relayed.record()->connections, 4U);
}

// The host speaks to that client from another of its addresses.
TEST_F(RelayTest, AWorkloadThatSpeaksFirstIsHeardFromTheAddressThatItsClientHasCalled) {
  constexpr const char* kOther = "10.60.0.9";
  RelayLab lab;
  const auto client = place_at("10.60.0.1", 40'000);
  kernel::MacAddr client_mac;
  RelayLab::in(lab.client, [&](kernel::Netlink& net) { client_mac = net.find_link("c0")->mac; });
  RelayLab::in(lab.east, [&](kernel::Netlink& net) {
    net.add_address("br0", kernel::IpPrefix::parse("10.60.0.9/24"));
    net.replace_neighbour("br0", kernel::IpAddr::parse("10.60.0.1"), client_mac);
    kernel::Conntrack().lead({IPPROTO_TCP,
                              {kernel::IpAddr::parse("10.60.0.1"), 40'000},
                              {kernel::IpAddr::parse(kOther), kPublished},
                              {kernel::IpAddr::parse(kContainer), kInside}});
  });
  Relayed relayed(lab);
  relayed.entrance->begin();
  const auto outside = restored(lab.client, client, place_at(kOther, kPublished), 1'000, 5'000);
  const auto inside = restored(lab.container, place_at(kContainer, kInside), client, 5'000, 1'000);
  relayed.exit->know_connections();
  relayed.serve_begun();
  ASSERT_TRUE(send_all(inside.get(), "from the workload"));
  EXPECT_EQ(receive_all(outside.get(), 17), "from the workload");
}

TEST_F(RelayTest, WhoComesToTheTargetItselfIsUntouched) {
  RelayLab lab;
  Relayed relayed(lab);
  relayed.serve();
  const auto listener = RelayLab::bound(lab.container, SOCK_STREAM, "0.0.0.0", kInside);
  const auto [by_relay, server] = connect_through(lab, listener);
  const auto directly = RelayLab::connected(lab.client, SOCK_STREAM, kContainer, kInside);
  sockaddr_in peer{};
  const auto its_server = accepted(listener, &peer);
  ASSERT_TRUE(by_relay && server && directly && its_server);
  EXPECT_EQ(peer.sin_addr.s_addr, place_at("10.62.0.1", 0).sin_addr.s_addr);
  std::jthread beside([&] { EXPECT_TRUE(exchange_whole(by_relay.get(), server.get(), 5 << 20)); });
  EXPECT_TRUE(exchange_whole(directly.get(), its_server.get(), 5 << 20));
  beside.join();
  const auto record = relayed.record();
  ASSERT_TRUE(record);
  std::this_thread::sleep_for(2 * kRelayLook);
  EXPECT_LT(relayed.record()->bytes_in, uint64_t{8} << 20);  // of the relayed one alone
  EXPECT_EQ(relayed.record()->connections, 1U);
}

TEST_F(RelayTest, ACutOfSomeSecondsIsSurvived) {
  RelayLab lab;
  Relayed relayed(lab);
  relayed.serve();
  const auto listener = RelayLab::bound(lab.container, SOCK_STREAM, "0.0.0.0", kInside);
  const auto [client, server] = connect_through(lab, listener);
  ASSERT_TRUE(client && server);
  RelayLab::in(lab.east, [](kernel::Netlink& net) { net.set_up("w0", false); });
  ASSERT_TRUE(send_all(client.get(), "in the cut"));
  EXPECT_FALSE(base::wait_readable(server.get(), 6'000));
  RelayLab::in(lab.east, [](kernel::Netlink& net) { net.set_up("w0", true); });
  EXPECT_EQ(receive_all(server.get(), 10), "in the cut");
  EXPECT_TRUE(exchange_whole(client.get(), server.get(), 1 << 20));
}

// "Fragmentation needed", about a segment that east's address has sent.
void send_too_big(const base::Fd& network, uint16_t client_port, uint32_t sequence, uint16_t mtu) {
  struct {
    icmphdr icmp{};
    iphdr ip{};
    uint16_t source = htons(kPublished), destination = 0;
    uint32_t sequence = 0;
  } message;
  static_assert(sizeof message == 36);
  message.icmp.type = ICMP_DEST_UNREACH;
  message.icmp.code = ICMP_FRAG_NEEDED;
  message.icmp.un.frag.mtu = htons(mtu);
  message.ip.version = 4;
  message.ip.ihl = 5;
  message.ip.tot_len = htons(1'500);
  message.ip.ttl = 60;
  message.ip.protocol = IPPROTO_TCP;
  message.ip.saddr = place_at(kEast, 0).sin_addr.s_addr;
  message.ip.daddr = place_at("10.60.0.1", 0).sin_addr.s_addr;
  message.destination = htons(client_port);
  message.sequence = htonl(sequence);
  InternetChecksum inner(0), all(0);
  inner.add(&message.ip, sizeof message.ip);
  message.ip.check = inner.value();
  all.add(&message, sizeof message);
  message.icmp.checksum = all.value();
  base::Fd raw;
  RelayLab::in(network, [&](kernel::Netlink&) {
    raw = base::Fd(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
  });
  const auto to = place_at(kEast, 0);
  EXPECT_EQ(::sendto(raw.get(), &message, sizeof message, 0, reinterpret_cast<const sockaddr*>(&to),
                     sizeof to),
            36)
      << errno;
}

// What a router says about the workload's answers finds its socket, whose kernel checks its
// checksum.
TEST_F(RelayTest, FragmentationNeededReachesTheWorkload) {
  RelayLab lab;
  Relayed relayed(lab);
  relayed.serve();
  const auto at = place_at("10.60.0.1", 40'000);
  const auto client = restored(lab.client, at, place_at(kEast, kPublished), 1'000, 5'000);
  const auto server = restored(lab.container, place_at(kContainer, kInside), at, 5'000, 1'000);
  ASSERT_TRUE(send_all(client.get(), "hello"));
  ASSERT_EQ(receive_all(server.get(), 5), "hello");
  const auto mtu = [&] {
    int value = 0;
    socklen_t size = sizeof value;
    EXPECT_EQ(::getsockopt(server.get(), IPPROTO_IP, IP_MTU, &value, &size), 0);
    return value;
  };
  EXPECT_EQ(mtu(), 1'500);
  send_too_big(lab.client, 40'000, 5'000, 900);
  for (int i = 0; i < 200 && mtu() == 1'500; ++i)
    std::this_thread::sleep_for(base::milliseconds(10));
  EXPECT_EQ(mtu(), 900);
  EXPECT_TRUE(exchange_whole(client.get(), server.get(), 1 << 20));
}

}  // namespace
}  // namespace ferry::handover
