// SPDX-License-Identifier: Apache-2.0
//
// A host in a network namespace of its own, with a service address on its bridge, and a client in
// another one; of IPv4 and of IPv6.
#include "handover/host_address.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/clock.h"
#include "handover/address_diversion.h"
#include "kernel/named_network.h"
#include "kernel/test_network.h"

namespace ferry::handover {
namespace {

using kernel::IpAddr;
using kernel::IpPrefix;
using kernel::Netlink;

struct Network {
  const char* name;
  IpPrefix host_own, service, visitor;
  friend std::ostream& operator<<(std::ostream& out, const Network& one) { return out << one.name; }
};
const Network kIpv4{"Ipv4", IpPrefix::parse("10.55.0.1/24"), IpPrefix::parse("10.55.0.50/24"),
                    IpPrefix::parse("10.55.0.3/24")};
const Network kIpv6{"Ipv6", IpPrefix::parse("fd55::1/64"), IpPrefix::parse("fd55::50/64"),
                    IpPrefix::parse("fd55::3/64")};
constexpr uint16_t kTalkPort = 7777;
constexpr int kOnItsWay_ms = 2'000, kNotOnItsWay_ms = 100;

sockaddr_storage place(const IpAddr& address) {
  sockaddr_storage where{};
  auto* v4 = reinterpret_cast<sockaddr_in*>(&where);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&where);
  const bool is_v6 = address.family() == AF_INET6;
  where.ss_family = static_cast<sa_family_t>(address.family());
  (is_v6 ? v6->sin6_port : v4->sin_port) = htons(kTalkPort);
  void* at = is_v6 ? static_cast<void*>(&v6->sin6_addr) : static_cast<void*>(&v4->sin_addr);
  std::memcpy(at, address.bytes.data(), address.size);
  return where;
}

// UDP: numbers go there in order.
class Talker {
 public:
  explicit Talker(const IpAddr& from)
      : socket_(::socket(from.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const auto any = place(from);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any), 0);
  }
  void send(int number, const IpAddr& to) const {
    const auto where = place(to);
    EXPECT_EQ(::sendto(socket_.get(), &number, sizeof number, 0,
                       reinterpret_cast<const sockaddr*>(&where), sizeof where),
              4);
  }
  // The kernel may refuse to.
  void try_to_send(int number, const IpAddr& to) const {
    const auto where = place(to);
    (void)::sendto(socket_.get(), &number, sizeof number, 0,
                   reinterpret_cast<const sockaddr*>(&where), sizeof where);
  }
  // Until nothing comes any more; waits for `wanted` at first.
  std::vector<int> received(size_t wanted) const {
    std::vector<int> numbers;
    while (base::wait_readable(socket_.get(),
                               numbers.size() < wanted ? kOnItsWay_ms : kNotOnItsWay_ms)) {
      int number = 0;
      if (::recv(socket_.get(), &number, sizeof number, 0) != sizeof number) break;
      numbers.push_back(number);
    }
    return numbers;
  }

 private:
  base::Fd socket_;
};

class HostAddressTest : public kernel::OwnNetworkTest,
                        public ::testing::WithParamInterface<Network> {
 protected:
  const IpPrefix kHostOwn = GetParam().host_own, kService = GetParam().service,
                 kVisitor = GetParam().visitor;
  struct Host {
    Netlink& net;
    base::Fd outside;  // the client's network namespace
    std::optional<Talker> client;
    HostAddress here;
  };
  void on_a_host(const std::function<void(Host&)>& work) {
    in_own_network([&](Netlink& net) {
      net.add_bridge("br0");
      net.set_up("br0", true);
      net.set_up("lo", true);
      for (const auto& address : {kHostOwn, kService}) net.add_address("br0", address);
      Host host{net, kernel::make_network(), {}, {}};
      net.add_veth("port", "eth0", host.outside.get());
      net.set_master("port", "br0");
      net.set_up("port", true);
      kernel::in_network_namespace(host.outside.get(), [&] {
        Netlink there;
        there.add_address("eth0", kVisitor);
        there.set_up("eth0", true);
        host.client.emplace(any());
      });
      host.here = find_host_address(kService.address).value();
      work(host);
    });
  }
  // Afterwards both know each other's MAC.
  void meet(const Host& host, const Talker& service) const {
    host.client->send(0, kService.address);
    ASSERT_EQ(service.received(1), std::vector<int>({0}));
  }
  static IpAddr any() { return {{}, GetParam().host_own.address.size}; }
  static bool has(const Netlink& net, const IpAddr& address) {
    return std::ranges::any_of(net.addresses(),
                               [&](const auto& one) { return one.prefix.address == address; });
  }
  static std::string whys(const HostAddress& here) {
    std::string text;
    for (const auto& reason : reasons_to_stay(here)) text += reason.why + "\n";
    return text;
  }
};

INSTANTIATE_TEST_SUITE_P(Of, HostAddressTest, ::testing::Values(kIpv4, kIpv6),
                         [](const auto& one) { return std::string(one.param.name); });

TEST_P(HostAddressTest, IsFoundTakenOffAndPutOnAgainAsItWas) {
  on_a_host([this](Host& host) {
    EXPECT_EQ(host.here.link, "br0");
    auto other = kService.address;
    ++other.bytes[other.size - 1];
    EXPECT_FALSE(find_host_address(other));
    EXPECT_EQ(whys(host.here), "");
    HostAddressGate gate(host.here);
    for (int i = 0; i < 2; ++i) {  // gone already is fine
      gate.shut();
      EXPECT_FALSE(has(host.net, kService.address));
    }
    EXPECT_TRUE(has(host.net, kHostOwn.address));
    for (int i = 0; i < 2; ++i) gate.open();  // there already, too
    const auto again = find_host_address(kService.address).value();
    EXPECT_EQ(again.entry.flags, host.here.entry.flags);
    EXPECT_EQ(again.entry.label, host.here.entry.label);
    EXPECT_EQ(again.entry.broadcast, host.here.entry.broadcast);
    EXPECT_EQ(again.entry.prefix, host.here.entry.prefix);
  });
}

TEST_P(HostAddressTest, WhatTheHostItselfNeedsStays) {
  on_a_host([this](Host& host) {
    // Of IPv6 no address depends on another one.
    const auto of_first = whys(find_host_address(kHostOwn.address).value());
    EXPECT_EQ(of_first.find("others depend on") != std::string::npos, any().size == 4) << of_first;
    host.net.add_address("br0", IpPrefix::parse("10.56.0.1/24"));
    EXPECT_NE(whys(find_host_address(IpAddr::parse("10.56.0.1")).value()).find("the only one"),
              std::string::npos);
    auto alone = kService;
    alone.address.bytes[alone.address.size - 1] = 60;
    alone.length = alone.address.size * 8;
    host.net.add_address("br0", alone);
    EXPECT_EQ(whys(find_host_address(alone.address).value()), "");
  });
}

// As one gives a service that is never to be what the host itself speaks from.
TEST_P(HostAddressTest, ADeprecatedOneStaysDeprecated) {
  on_a_host([this](Host& host) {
    host.here.entry.flags |= IFA_F_DEPRECATED;
    take_off(host.here);
    put_on(host.here);
    const auto again = find_host_address(kService.address).value();
    EXPECT_NE(again.entry.flags & IFA_F_DEPRECATED, 0U);
    EXPECT_EQ(again.entry.flags & IFA_F_TENTATIVE, 0U);
    EXPECT_FALSE(again.entry.is_lent);
    EXPECT_EQ(whys(again), "");
  });
}

TEST_P(HostAddressTest, ItsPlaceIsOnAnInterfaceOfItsNetwork) {
  on_a_host([this](Host& host) {
    auto wanted = kService, elsewhere = kService, wider = kVisitor;
    wanted.address.bytes[wanted.address.size - 1] = 70;
    elsewhere.address.bytes[1] = 77;
    wider.length -= 8;
    EXPECT_EQ(place_for(wanted, "")->link, "br0");
    EXPECT_FALSE(place_for(elsewhere, "br0"));
    host.net.add_bridge("br1");
    host.net.set_up("br1", true);
    host.net.add_address("br1", wider);
    EXPECT_EQ(place_for(wanted, "br1")->link, "br1");
    EXPECT_EQ(place_for(wanted, "br9")->link, "br0");
  });
}

TEST_P(HostAddressTest, BehindABarrierNothingComesInAndNobodyIsAnswered) {
  on_a_host([this](Host& host) {
    const Talker service(any());
    AddressBarrier barrier(host.here);
    barrier.shut();
    host.client->send(1, kService.address);  // asks for the MAC first, in vain
    EXPECT_EQ(service.received(0), std::vector<int>());
    host.client->send(2, kHostOwn.address);  // the host's own address is not behind it
    EXPECT_EQ(service.received(1), std::vector<int>({2}));
    service.send(3, kService.address);  // from the host itself, over lo
    EXPECT_EQ(service.received(0), std::vector<int>());
    barrier.open();
    barrier.announce();
    EXPECT_EQ(service.received(1), std::vector<int>({1}));  // the announcement has answered
  });
}

TEST_P(HostAddressTest, WhatWaitsInTheDiversionIsGivenInOrder) {
  on_a_host([this](Host& host) {
    const Talker service(any());
    AddressDiversion diversion(host.here, kernel::Nftables::Life::kWithThis);
    diversion.stand_by();
    host.client->send(0, kService.address);
    EXPECT_EQ(service.received(1), std::vector<int>({0}));  // not yet
    diversion.begin();
    std::vector<std::string> first;
    for (int i = 1; i <= 3; ++i) host.client->send(i, kService.address);
    EXPECT_EQ(service.received(0), std::vector<int>());
    diversion.take(kMostWaiting, [&](Frame frame) {
      if (diversion.is_for_it_alone(frame)) first.push_back(bytes_of(frame));
    });
    ASSERT_EQ(first.size(), 3U);
    for (int i = 4; i <= 6; ++i) host.client->send(i, kService.address);
    for (const auto& frame : first)
      diversion.give(std::as_bytes(std::span(frame)));  // past the table
    diversion.hand_over([&](Frame frame) {
      if (diversion.is_for_workload(frame)) diversion.give(frame);
    });
    host.client->send(7, kService.address);
    EXPECT_EQ(service.received(7), std::vector<int>({1, 2, 3, 4, 5, 6, 7}));
    EXPECT_EQ(diversion.dropped(), 0U);
  });
}

// As a frozen socket would by its timers, or at its end.
TEST_P(HostAddressTest, FromOneThatIsTakenOffNothingIsSent) {
  on_a_host([this](Host& host) {
    const Talker service(kService.address);
    service.send(0, kVisitor.address);
    ASSERT_EQ(host.client->received(1), std::vector<int>({0}));
    HostAddressGate gate(host.here);
    gate.shut();
    service.try_to_send(1, kVisitor.address);
    EXPECT_EQ(host.client->received(0), std::vector<int>());
    gate.open();
    service.send(2, kVisitor.address);
    EXPECT_EQ(host.client->received(1), std::vector<int>({2}));
    gate.shut();
    unmute(host.here);  // it stays away, and comes back as a host's own
    put_on(host.here);
    service.send(3, kVisitor.address);
    EXPECT_EQ(host.client->received(1), std::vector<int>({3}));
  });
}

// What a restored socket says before the workload may run.
TEST_P(HostAddressTest, WhatIsSentFromItTooEarlyIsHeldAndThenLeaves) {
  on_a_host([this](Host& host) {
    const Talker service(kService.address);
    ASSERT_NO_FATAL_FAILURE(meet(host, service));
    AddressDiversion diversion(host.here, kernel::Nftables::Life::kLasting);
    diversion.stand_by();
    for (int i = 1; i <= 3; ++i) service.send(i, kVisitor.address);
    EXPECT_EQ(host.client->received(0), std::vector<int>());
    std::vector<std::string> came;
    diversion.hand_over([&](Frame frame) { came.push_back(bytes_of(frame)); });
    EXPECT_EQ(host.client->received(3), std::vector<int>({1, 2, 3}));
    EXPECT_TRUE(std::ranges::none_of(came, [&](const auto& frame) {
      return diversion.is_for_it_alone(std::as_bytes(std::span(frame)));
    }));
    service.send(4, kVisitor.address);
    EXPECT_EQ(host.client->received(1), std::vector<int>({4}));
    AddressBarrier barrier(host.here);
    barrier.shut();  // without a place to wait
    service.send(5, kVisitor.address);
    EXPECT_EQ(host.client->received(0), std::vector<int>());
    barrier.open();
  });
}

// While what has waited for it is still being given to it.
TEST_P(HostAddressTest, OnceItMaySpeakItsAnswersLeaveAtOnce) {
  on_a_host([this](Host& host) {
    const Talker service(kService.address);
    ASSERT_NO_FATAL_FAILURE(meet(host, service));
    AddressDiversion diversion(host.here, kernel::Nftables::Life::kLasting);
    diversion.stand_by();
    std::vector<std::string> came;
    const auto take = [&] {
      constexpr size_t kMost = 100;
      (void)diversion.take(kMost, [&](Frame frame) { came.push_back(bytes_of(frame)); });
    };
    service.send(1, kVisitor.address);
    take();
    EXPECT_EQ(host.client->received(0), std::vector<int>());
    diversion.let_workload_speak();
    service.send(2, kVisitor.address);
    take();
    EXPECT_EQ(host.client->received(2), std::vector<int>({1, 2}));
    host.client->send(3, kService.address);
    EXPECT_EQ(service.received(0), std::vector<int>());  // it comes by the diversion still
    diversion.hand_over([&](Frame frame) { came.push_back(bytes_of(frame)); });
    for (const auto& frame : came) diversion.give(std::as_bytes(std::span(frame)));
    EXPECT_EQ(service.received(1), std::vector<int>({3}));
  });
}

// As at the target: the address comes when the table is there, and who has asked for it is answered
// in the end.
TEST_P(HostAddressTest, AQuestionForTheAddressWaitsToo) {
  on_a_host([this](Host& host) {
    take_off(host.here);
    AddressDiversion diversion(host.here, kernel::Nftables::Life::kLasting);
    diversion.stand_by();
    put_on(host.here);
    const Talker service(any());
    host.client->send(1, kService.address);
    EXPECT_EQ(service.received(0), std::vector<int>());
    diversion.hand_over([&](Frame frame) {
      if (diversion.is_for_workload(frame)) diversion.give(frame);
    });
    EXPECT_EQ(service.received(1), std::vector<int>({1}));
  });
}

}  // namespace
}  // namespace ferry::handover
