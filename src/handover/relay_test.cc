// SPDX-License-Identifier: Apache-2.0
//
// Both ends of a relay as they are: two processes of ferry's own, between hosts that are network
// namespaces (relay_lab.h), with the kernel's own sockets at the ends.
#include <fmt/format.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "handover/internet_checksum.h"
#include "handover/relay_lab.h"
#include "handover/relay_process.h"
#include "handover/relay_registry.h"
#include "handover/relay_turn.h"

namespace ferry::handover {
namespace {

constexpr const char* kEast = "10.60.0.8";
constexpr const char* kContainer = "172.31.0.2";
constexpr const char* kFerry = FERRY_BINARY_DIR "/ferry";
constexpr uint16_t kPublished = 8080, kInside = 80;

base::Child launch_built_ferry(int control) {
  base::SpawnOptions options;
  options.stdin_fd = control;
  options.new_session = true;
  return base::spawn({kFerry, "relay", "serve"}, options);
}

// The exit status as of waitpid(2); nothing: it lives on.
std::optional<int> end_of(pid_t pid, base::milliseconds patience) {
  const auto deadline = base::mono_now() + patience;
  for (;;) {
    int status = 0;
    if (::waitpid(pid, &status, WNOHANG) == pid) return status;
    if (base::mono_now() > deadline) return std::nullopt;
    std::this_thread::sleep_for(base::milliseconds(5));
  }
}

std::string pattern(size_t bytes) {
  std::string text(bytes, '\0');
  uint32_t state = 1;
  for (char& one : text) one = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return text;
}

bool send_all(int socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

std::string receive_all(int socket, size_t bytes) {
  std::string text(bytes, '\0');
  size_t have = 0;
  while (have < bytes) {
    const ssize_t got = ::recv(socket, text.data() + have, bytes - have, 0);
    if (got <= 0) break;
    have += static_cast<size_t>(got);
  }
  text.resize(have);
  return text;
}

// Both ways at once.
::testing::AssertionResult exchange_whole(int one, int other, size_t bytes) {
  const std::string sent = pattern(bytes);
  std::string there, back;
  std::thread a([&] { send_all(one, sent); }), b([&] { there = receive_all(other, bytes); });
  std::thread c([&] { send_all(other, sent); });
  back = receive_all(one, bytes);
  if (back != sent) {  // nobody is to wait for the rest
    ::shutdown(one, SHUT_RDWR);
    ::shutdown(other, SHUT_RDWR);
  }
  for (auto* thread : {&a, &b, &c}) thread->join();
  if (there == sent && back == sent) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << there.size() << " and " << back.size() << " bytes came";
}

base::Fd accepted(const base::Fd& listener, sockaddr_in* peer = nullptr) {
  if (!base::wait_readable(listener.get(), 5'000)) return {};
  socklen_t size = sizeof *peer;
  return base::Fd(::accept4(listener.get(), reinterpret_cast<sockaddr*>(peer),
                            peer ? &size : nullptr, SOCK_CLOEXEC));
}

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

class Relayed {
 public:
  explicit Relayed(
      RelayLab& lab, RelayPolicy policy = {},
      std::vector<PublishedPort> ports = {PublishedPort::parse("0.0.0.0:8080->80/tcp"),
                                          PublishedPort::parse("10.60.0.8:5353->53/udp")})
      : lab_(lab), ports_(std::move(ports)), policy_(policy) {
    static std::atomic<int> number;
    name = fmt::format("relay-test-{}-{}", ::getpid(), ++number);
    RelayLab::in(lab.west, [&](kernel::Netlink&) {
      const RelayExitPlace place{"vethc",         lab.workload_mac,
                                 lab.gateway_mac, kernel::IpPrefix::parse("172.31.0.2/16"),
                                 ports_,          lab.container.get()};
      exit.emplace(name, place, "east", RelayExit::Listen{"10.61.0.2", {}}, launch_built_ferry);
    });
    RelayLab::in(lab.east, [&](kernel::Netlink&) {
      entrance.emplace(name, ports_, "");
      entrance->stand_by();
      relay.emplace(*entrance, Relay::Peer{{"10.61.0.2", exit->port()}, exit->key(), "west"},
                    kernel::IpAddr::parse(kContainer), policy_, launch_built_ferry);
    });
    east_pid = relay->pid();
    west_pid = exit->pid();
  }
  ~Relayed() {
    for (const pid_t pid : {served_ ? east_pid : 0, served_ ? west_pid : 0}) {
      if (pid > 0 && ::kill(pid, SIGTERM) == 0) {
        EXPECT_TRUE(end_of(pid, base::milliseconds(5'000)));
      }
    }
    for (const char* place : {"", "exits/"})
      std::filesystem::remove(fmt::format("{}/{}{}.log", kRelayDirectory, place, name));
  }
  void serve() {
    entrance->begin();
    exit->know_connections();
    serve_begun();
  }
  void serve_begun() {
    exit->serve(0);
    relay->serve(std::move(*entrance));
    served_ = true;
  }
  void ended() { served_ = false; }
  std::optional<RelayRecord> record(RelayEnd end = RelayEnd::kEntrance) const {
    for (const auto& one : all_relays()) {
      if (one.name == name && one.end == end) return one;
    }
    return std::nullopt;
  }

  std::string name;
  std::optional<RelayExit> exit;
  std::optional<RelayEntrance> entrance;
  std::optional<Relay> relay;
  pid_t east_pid = 0, west_pid = 0;

 private:
  RelayLab& lab_;
  std::vector<PublishedPort> ports_;
  RelayPolicy policy_;
  bool served_ = false;
};

// TAPs, and a table that its owner alone may replace.
bool has_remains(const base::Fd& network, const std::string& table) {
  bool found = false;
  RelayLab::in(network, [&](kernel::Netlink& net) {
    for (const auto& link : net.links()) found = found || link.name.starts_with("fyr");
    try {
      kernel::Nftables().put_table(table, {{kernel::LinkChain::Way::kIn, "lo", {}}},
                                   kernel::Nftables::Life::kWithThis);
    } catch (const base::SysError&) {
      found = true;
    }
  });
  return found;
}

class RelayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "network namespaces take root";
  }
};

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
  const auto client = RelayLab::connected(lab.client, SOCK_STREAM, kEast, kPublished);
  const auto server = accepted(listener);
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
  const auto client = RelayLab::connected(lab.client, SOCK_STREAM, kEast, kPublished);
  ASSERT_TRUE(client);
  const auto server = accepted(listener);
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
  relayed.serve_begun();
  EXPECT_EQ(receive_all(pairs[0].second.get(), 15), "from the client");
  ASSERT_TRUE(send_all(pairs[1].second.get(), "from the workload"));
  EXPECT_EQ(receive_all(pairs[1].first.get(), 17), "from the workload");
  for (const auto& [client, server] : pairs)
    EXPECT_TRUE(exchange_whole(client.get(), server.get(), 10 << 20));
  std::this_thread::sleep_for(2 * kRelayLook);
  EXPECT_EQ(relayed.record()->connections, 4U);
}

TEST_F(RelayTest, WhoComesToTheTargetItselfIsUntouched) {
  RelayLab lab;
  Relayed relayed(lab);
  relayed.serve();
  const auto listener = RelayLab::bound(lab.container, SOCK_STREAM, "0.0.0.0", kInside);
  const auto by_relay = RelayLab::connected(lab.client, SOCK_STREAM, kEast, kPublished);
  const auto server = accepted(listener);
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

TEST_F(RelayTest, WhatWaitedIsGivenBackWhole) {
  RelayLab lab;
  const auto listener = RelayLab::bound(lab.east, SOCK_STREAM, "0.0.0.0", kPublished);
  const auto client = RelayLab::connected(lab.client, SOCK_STREAM, kEast, kPublished);
  const auto server = accepted(listener);
  const auto inside = RelayLab::bound(lab.east, SOCK_DGRAM, "0.0.0.0", 5353);
  const int room = 8 << 20;  // it does not read while they come
  EXPECT_EQ(::setsockopt(inside.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room), 0);
  const auto sender = RelayLab::connected(lab.client, SOCK_DGRAM, kEast, 5353);
  ASSERT_TRUE(client && server);
  Relayed relayed(lab);
  relayed.entrance->begin();
  const auto text = pattern(10 << 20);
  std::jthread sending([&] { EXPECT_TRUE(send_all(client.get(), text)); });
  for (int i = 0; i < 1'000; ++i) ::send(sender.get(), &i, sizeof i, 0);
  EXPECT_FALSE(base::wait_readable(server.get(), 50));
  EXPECT_FALSE(base::wait_readable(inside.get(), 0));
  relayed.entrance->give_back();
  for (int i = 0; i < 1'000; ++i) {
    int number = -1;
    ASSERT_EQ(::recv(inside.get(), &number, sizeof number, 0), 4) << i;
    ASSERT_EQ(number, i);
  }
  EXPECT_EQ(receive_all(server.get(), text.size()), text);
  sending.join();
  tcp_info told{};
  socklen_t size = sizeof told;
  ::getsockopt(client.get(), IPPROTO_TCP, TCP_INFO, &told, &size);
  EXPECT_EQ(told.tcpi_lost, 0U);
  // The next try.
  relayed.entrance->begin();
  ASSERT_TRUE(send_all(sender.get(), "waits"));
  EXPECT_FALSE(base::wait_readable(inside.get(), 50));
  relayed.entrance->give_back();
  EXPECT_TRUE(base::wait_readable(inside.get(), 2'000));
  relayed.entrance.reset();
  relayed.relay.reset();
  relayed.exit.reset();
  EXPECT_FALSE(has_remains(lab.east, "ferry-relay-" + relayed.name));
  EXPECT_FALSE(has_remains(lab.west, "ferry-relay-exit-" + relayed.name));
}

// ferry is gone in the middle of the pause: its own descriptors, and what it would have said.
TEST_F(RelayTest, AProcessThatHasNotServedGivesBackWhenItsFerryHasGone) {
  RelayLab lab;
  const auto inside = RelayLab::bound(lab.east, SOCK_DGRAM, "0.0.0.0", 5353);
  const auto sender = RelayLab::connected(lab.client, SOCK_DGRAM, kEast, 5353);
  Relayed relayed(lab);
  relayed.entrance->begin();
  ASSERT_TRUE(send_all(sender.get(), "waits"));
  EXPECT_FALSE(base::wait_readable(inside.get(), 20));
  relayed.entrance->let_go();
  EXPECT_FALSE(base::wait_readable(inside.get(), 20));
  relayed.relay.reset();
  EXPECT_EQ(receive_all(inside.get(), 5), "waits");
  EXPECT_FALSE(has_remains(lab.east, "ferry-relay-" + relayed.name));
}

TEST_F(RelayTest, ACutOfSomeSecondsIsSurvived) {
  RelayLab lab;
  Relayed relayed(lab);
  relayed.serve();
  const auto listener = RelayLab::bound(lab.container, SOCK_STREAM, "0.0.0.0", kInside);
  const auto client = RelayLab::connected(lab.client, SOCK_STREAM, kEast, kPublished);
  const auto server = accepted(listener);
  ASSERT_TRUE(client && server);
  RelayLab::in(lab.east, [](kernel::Netlink& net) { net.set_up("w0", false); });
  ASSERT_TRUE(send_all(client.get(), "in the cut"));
  EXPECT_FALSE(base::wait_readable(server.get(), 6'000));
  RelayLab::in(lab.east, [](kernel::Netlink& net) { net.set_up("w0", true); });
  EXPECT_EQ(receive_all(server.get(), 10), "in the cut");
  EXPECT_TRUE(exchange_whole(client.get(), server.get(), 1 << 20));
}

TEST_F(RelayTest, AKilledEndLeavesNothingAndTheOtherEnds) {
  for (const bool at_source : {true, false}) {
    RelayLab lab;
    Relayed relayed(lab, {true});
    relayed.serve();
    relayed.ended();
    EXPECT_TRUE(has_remains(lab.east, "ferry-relay-" + relayed.name));
    EXPECT_TRUE(has_remains(lab.west, "ferry-relay-exit-" + relayed.name));
    ASSERT_TRUE(relayed.record() && relayed.record(RelayEnd::kExit));
    const pid_t killed = at_source ? relayed.east_pid : relayed.west_pid;
    ASSERT_EQ(::kill(killed, SIGKILL), 0);
    EXPECT_TRUE(end_of(killed, base::milliseconds(5'000)));
    EXPECT_FALSE(has_remains(at_source ? lab.east : lab.west,
                             (at_source ? "ferry-relay-" : "ferry-relay-exit-") + relayed.name));
    EXPECT_EQ(end_of(at_source ? relayed.west_pid : relayed.east_pid, base::milliseconds(5'000)),
              0);
    EXPECT_FALSE(has_remains(lab.east, "ferry-relay-" + relayed.name));
    EXPECT_FALSE(has_remains(lab.west, "ferry-relay-exit-" + relayed.name));
    EXPECT_FALSE(relayed.record() || relayed.record(RelayEnd::kExit));
  }
}

TEST_F(RelayTest, ItEndsByItselfSomeTimeAfterTheLastConnection) {
  RelayLab lab;
  Relayed relayed(lab, {false, base::milliseconds(3'000)});
  relayed.serve();
  const auto listener = RelayLab::bound(lab.container, SOCK_STREAM, "0.0.0.0", kInside);
  auto client = RelayLab::connected(lab.client, SOCK_STREAM, kEast, kPublished);
  auto server = accepted(listener);
  ASSERT_TRUE(client && server);
  // As long as there is one it stays, however quiet.
  EXPECT_FALSE(end_of(relayed.east_pid, base::milliseconds(8'000)));
  EXPECT_EQ(relayed.record()->connections, 1U);
  EXPECT_TRUE(exchange_whole(client.get(), server.get(), 1'000));
  client.reset();
  server.reset();
  relayed.ended();
  EXPECT_EQ(end_of(relayed.east_pid, base::milliseconds(12'000)), 0);
  EXPECT_EQ(end_of(relayed.west_pid, base::milliseconds(5'000)), 0);
  EXPECT_FALSE(relayed.record() || relayed.record(RelayEnd::kExit));
}

TEST_F(RelayTest, ItEndsWhenTheWorkloadsLinkHasGone) {
  RelayLab lab;
  Relayed relayed(lab, {true});
  relayed.serve();
  relayed.ended();
  RelayLab::in(lab.west, [](kernel::Netlink& net) { net.delete_link("vethc"); });
  EXPECT_EQ(end_of(relayed.west_pid, base::milliseconds(8'000)), 0);
  EXPECT_EQ(end_of(relayed.east_pid, base::milliseconds(5'000)), 0);
}

TEST_F(RelayTest, NobodyElseCanPublishItsPorts) {
  RelayLab lab;
  auto proxy = std::optional(RelayLab::bound(lab.east, SOCK_STREAM, "0.0.0.0", kPublished));
  Relayed relayed(lab);
  relayed.serve();
  std::this_thread::sleep_for(kRelayLook);
  EXPECT_FALSE(relayed.record()->holds_ports);
  proxy.reset();
  std::this_thread::sleep_for(2 * kRelayLook);
  EXPECT_TRUE(relayed.record()->holds_ports);
  const auto other = RelayLab::make_socket(lab.east, SOCK_STREAM);
  const int yes = 1;
  ::setsockopt(other.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  const auto at = place_at("0.0.0.0", kPublished);
  EXPECT_EQ(::bind(other.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), -1);
  EXPECT_EQ(errno, EADDRINUSE);
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

TEST_F(RelayTest, TheCommandListsAndStopsIt) {
  RelayLab lab;
  Relayed relayed(lab, {true});
  relayed.serve();
  relayed.ended();
  const auto listed = base::run({kFerry, "relay", "list", "--json"});
  ASSERT_EQ(listed.status, 0) << listed.err;
  bool found = false;
  for (const auto& one : nlohmann::json::parse(listed.out)) {
    if (one.at("name") != relayed.name || !one.contains("to")) continue;
    found = true;
    EXPECT_EQ(one.at("to"), "west");
    EXPECT_EQ(one.at("pid"), relayed.east_pid);
    EXPECT_EQ(one.at("ports").at(0), "0.0.0.0:8080->80/tcp");
    EXPECT_EQ(one.at("keep"), true);
  }
  EXPECT_TRUE(found) << listed.out;
  EXPECT_NE(base::run({kFerry, "relay", "list"}).out.find(relayed.name), std::string::npos);
  const auto wrong = base::run({kFerry, "relay", "stop", "no-such"});
  EXPECT_EQ(wrong.status, 3);
  EXPECT_NE(wrong.err.find(relayed.name), std::string::npos) << wrong.err;
  EXPECT_NE(base::run({kFerry, "ps", "-a"}).out.find("moved to west, relay: 0 connections"),
            std::string::npos);
  const auto stopped = base::run({kFerry, "relay", "stop", relayed.name});
  EXPECT_EQ(stopped.status, 0) << stopped.err;
  EXPECT_EQ(end_of(relayed.east_pid, base::milliseconds(1'000)), 0);
  EXPECT_EQ(end_of(relayed.west_pid, base::milliseconds(5'000)), 0);
  EXPECT_FALSE(has_remains(lab.east, "ferry-relay-" + relayed.name));
}

TEST(PublishedPortTest, IsWrittenAndRead) {
  const auto port = PublishedPort::parse("127.0.0.1:8080->80/udp");
  EXPECT_EQ(port.text(), "127.0.0.1:8080->80/udp");
  EXPECT_EQ(port.protocol, IPPROTO_UDP);
  for (const char* wrong : {"", "8080", "1.2.3.4:80", "1.2.3.4:0->80/tcp", "1.2.3.4:80->80/sctp",
                            "1.2.3.4:80->99999/tcp"})
    EXPECT_THROW(PublishedPort::parse(wrong), base::Error) << wrong;
}

}  // namespace
}  // namespace ferry::handover
