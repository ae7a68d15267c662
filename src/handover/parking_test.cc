// SPDX-License-Identifier: Apache-2.0
//
// One host in a network namespace of its own: a bridge, a client at one port, the other host behind another, the workload's link.
#include "handover/parking.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <thread>

#include "base/clock.h"
#include "handover/bridge_diversion.h"
#include "kernel/test_network.h"

namespace ferry::handover {
namespace {

using kernel::MacAddr;
using kernel::Netlink;

const MacAddr kParkedMac = MacAddr::parse("02:55:00:00:00:09"), kClient = MacAddr::parse("02:55:00:00:00:01");
const Identity kIdentity = parse_identity("10.55.0.9/24,fd55::9/64", kParkedMac, "");

std::string frame(const MacAddr& from, const MacAddr& to, int number) {
  std::string bytes(60, '\0');
  std::copy(to.bytes.begin(), to.bytes.end(), bytes.begin());
  std::copy(from.bytes.begin(), from.bytes.end(), bytes.begin() + 6);
  bytes[12] = '\x88';
  bytes[13] = '\xb5';
  std::memcpy(bytes.data() + 14, &number, sizeof number);
  return bytes;
}

constexpr int kOnTheirWayMs = 2'000;

// One end of a veth, whose other end is a port.
class End {
 public:
  End(Netlink& net, const std::string& name, const std::string& bridge) : link_(name) {
    const base::Fd here = base::open_file("/proc/thread-self/ns/net", O_RDONLY);
    net.add_veth(name + "-port", name, here.get());
    net.set_up(name, true);
    net.set_up(name + "-port", true);
    if (!bridge.empty()) net.set_master(name + "-port", bridge);
    socket_ = base::Fd(::socket(AF_PACKET, SOCK_RAW, htons(0x88b5)));
    sockaddr_ll where{};
    where.sll_family = AF_PACKET;
    where.sll_protocol = htons(0x88b5);
    where.sll_ifindex = static_cast<int>(::if_nametoindex(name.c_str()));
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&where), sizeof where), 0);
    const int room = 16 << 20;
    EXPECT_EQ(::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room), 0);
  }
  std::string port() const { return link_ + "-port"; }
  void send(const std::string& bytes) const { EXPECT_EQ(::send(socket_.get(), bytes.data(), bytes.size(), 0), 60); }
  // The numbers of the frames that have come, in order; waits until there are `wanted`: on a busy machine they are a while on their way.
  std::vector<int> received(int wanted = 0) const {
    std::vector<int> numbers;
    while (base::wait_readable(socket_.get(), static_cast<int>(numbers.size()) < wanted ? kOnTheirWayMs : 0)) {
      std::string bytes(2000, '\0');
      if (::recv(socket_.get(), bytes.data(), bytes.size(), 0) < 60) break;
      int number = 0;
      std::memcpy(&number, bytes.data() + 14, sizeof number);
      numbers.push_back(number);
    }
    return numbers;
  }

 private:
  std::string link_;
  base::Fd socket_;
};

constexpr const char* kWorkPort = "work-port";  // of Segment::workload

std::unique_ptr<Diversion> on_bridge() { return std::make_unique<BridgeDiversion>("br0", kIdentity, kWorkPort); }

void add_straggler(Parking& parking, int number) {
  const std::string bytes = frame(kClient, kParkedMac, number);
  parking.add_straggler(std::as_bytes(std::span(bytes)));
}

std::vector<int> numbers(int from, int to) {
  std::vector<int> all;
  for (int i = from; i < to; ++i) all.push_back(i);
  return all;
}

std::vector<int> numbers_in(const std::vector<std::string>& frames) {
  std::vector<int> found;
  for (const auto& bytes : frames) {
    int number = 0;
    std::memcpy(&number, bytes.data() + 14, sizeof number);
    found.push_back(number);
  }
  return found;
}

struct Segment {
  explicit Segment(Netlink& network)
      : net(network), bridge(make_bridge(network)), client(network, "client", "br0"), other(network, "other", "br0"), workload(network, "work", "") {
    // So far the identity is at the other host. A new port takes a moment.
    do other.send(frame(kParkedMac, kClient, 0));
    while (client.received().empty());
    (void)client.received();
  }
  static bool make_bridge(Netlink& net) {
    net.add_bridge("br0");
    net.set_mac("br0", MacAddr::parse("02:00:00:00:00:07"));
    net.set_up("br0", true);
    return true;
  }
  void client_sends(int from, int to) const {
    for (int i = from; i < to; ++i) client.send(frame(kClient, kParkedMac, i));
  }

  Netlink& net;
  bool bridge;
  End client, other, workload;
};

class ParkingTest : public kernel::OwnNetworkTest {
 protected:
  void on_a_segment(const std::function<void(Segment&)>& work) {
    in_own_network([&](Netlink& net) {
      for (const char* links : {"all", "default"}) {  // with IPv6 each new link has something to say
        base::write_file(fmt::format("/proc/sys/net/ipv6/conf/{}/disable_ipv6", links), "1");
      }
      Segment segment(net);
      work(segment);
    });
  }
};

TEST_F(ParkingTest, UntilItTakesOverNothingComes) {
  on_a_segment([](Segment& segment) {
    Parking parking(on_bridge());
    parking.stand_by();
    segment.client_sends(0, 5);
    EXPECT_EQ(segment.other.received(5), numbers(0, 5));
    EXPECT_EQ(parking.give_back().size(), 0U);
  });
}

TEST_F(ParkingTest, FromThenOnFramesWaitAndAreReleasedInOrder) {
  on_a_segment([](Segment& segment) {
    Parking parking(on_bridge());
    parking.stand_by();
    parking.take_over();
    segment.client_sends(0, 300);
    EXPECT_TRUE(segment.other.received().empty());
    EXPECT_TRUE(segment.workload.received().empty());
    segment.net.set_master(segment.workload.port(), "br0");
    segment.client_sends(300, 400);
    EXPECT_TRUE(segment.workload.received().empty());  // though its port is open: those before come first
    const auto parked = parking.release();
    EXPECT_EQ(parked.frames, 400U);
    EXPECT_EQ(parked.bytes, 400U * 60);
    EXPECT_EQ(parked.overflow, 0U);
    segment.client_sends(400, 500);
    EXPECT_EQ(segment.workload.received(500), numbers(0, 500));
    EXPECT_TRUE(segment.other.received().empty());
  });
}

// On a busy machine only the one bound is certain: that it takes as long.
TEST_F(ParkingTest, WhatWaitsIsReleasedInTheRhythmInWhichItCame) {
  on_a_segment([](Segment& segment) {
    Parking parking(on_bridge());
    parking.stand_by();
    parking.take_over();
    const auto taken = base::mono_now();
    segment.client_sends(0, 5);
    for (int at = 5; at < 20; at += 5) {
      std::this_thread::sleep_for(base::milliseconds(40));
      parking.note_arrivals();
      segment.client_sends(at, at + 5);
    }
    segment.net.set_master(segment.workload.port(), "br0");
    const auto began = base::mono_now();
    EXPECT_EQ(parking.release().frames, 20U);
    const double faster = std::max(8.0, base::ms_between(taken, began) / 25);
    EXPECT_GE(base::ms_between(began, base::mono_now()), 3 * 40 / faster);
    EXPECT_EQ(segment.workload.received(20), numbers(0, 20));
  });
}

TEST_F(ParkingTest, HoweverLongItWaitedItIsReleasedWithinMilliseconds) {
  on_a_segment([](Segment& segment) {
    Parking parking(on_bridge());
    parking.stand_by();
    parking.take_over();
    segment.client_sends(0, 2);
    parking.note_arrivals();
    std::this_thread::sleep_for(base::milliseconds(4'000));
    parking.note_arrivals();
    segment.client_sends(2, 5);
    segment.net.set_master(segment.workload.port(), "br0");
    const auto began = base::mono_now();
    EXPECT_EQ(parking.release().frames, 5U);
    EXPECT_LT(base::ms_between(began, base::mono_now()), 4'000 / 8);  // 25, on a machine that does nothing else
    EXPECT_EQ(segment.workload.received(5), numbers(0, 5));
  });
}

TEST_F(ParkingTest, NoArrivalIsLostThatWasNoted) {
  on_a_segment([](Segment& segment) {
    Parking parking(on_bridge());
    parking.note_arrivals();
    parking.stand_by();
    parking.take_over();
    for (int at = 0; at < 9; at += 3) {
      segment.client_sends(at, at + 3);
      parking.note_arrivals();
    }
    segment.client_sends(9, 12);
    parking.let_go();
    parking.note_arrivals();
    EXPECT_EQ(numbers_in(parking.give_back()), numbers(0, 12));
  });
}

TEST_F(ParkingTest, WhatTheWorkloadSendsBeforeItsPortIsOpenGoesOutThen) {
  on_a_segment([](Segment& segment) {
    Parking parking(on_bridge());
    parking.attach(segment.workload.port());
    parking.stand_by();
    parking.take_over();
    for (int i = 0; i < 50; ++i) segment.workload.send(frame(kParkedMac, kClient, i));
    segment.client_sends(0, 5);
    EXPECT_TRUE(segment.client.received().empty());
    segment.net.set_master(segment.workload.port(), "br0");
    parking.let_workload_speak();
    EXPECT_EQ(parking.release().held, 50U);
    for (int i = 50; i < 60; ++i) segment.workload.send(frame(kParkedMac, kClient, i));
    EXPECT_EQ(segment.client.received(60), numbers(0, 60));
    EXPECT_EQ(segment.workload.received(5), numbers(0, 5));
    segment.client_sends(5, 8);  // none of it has told the bridge anything wrong
    EXPECT_EQ(segment.workload.received(3), numbers(5, 8));
  });
}

// Of UDP in `frame`: right, with the pseudo header (RFC 768).
bool has_right_checksum(Frame frame) {
  constexpr size_t kIp = 14, kUdp = kIp + 20;
  const auto word = [&](size_t at) {
    const auto low = at + 1 < frame.size() ? std::to_integer<uint32_t>(frame[at + 1]) : 0;
    return std::to_integer<uint32_t>(frame[at]) << 8 | low;
  };
  uint32_t sum = 17 + static_cast<uint32_t>(frame.size() - kUdp);
  for (size_t at = kIp + 12; at < frame.size(); at += 2) sum += word(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum == 0xffff;
}

// Within a host checksums are left for the hardware, and long datagrams in one piece: a wire gets neither.
TEST_F(ParkingTest, WhatIsHeldIsFinishedForTheWire) {
  on_a_segment([](Segment& segment) {
    segment.net.add_address("work", kernel::IpPrefix::parse("10.55.0.9/24"));
    segment.net.replace_neighbour("work", kernel::IpAddr::parse("10.55.0.77"), MacAddr::parse("02:55:00:00:00:77"));
    BridgeTap wire("br0", 100);
    wire.set_up(true);
    Parking parking(on_bridge());
    parking.attach(segment.workload.port());
    parking.stand_by();
    parking.take_over();
    const base::Fd socket(::socket(AF_INET, SOCK_DGRAM, 0));
    const int segment_bytes = 1000;
    EXPECT_EQ(::setsockopt(socket.get(), SOL_UDP, UDP_SEGMENT, &segment_bytes, sizeof segment_bytes), 0);
    sockaddr_in to{AF_INET, htons(7), {::inet_addr("10.55.0.77")}, {}};
    const std::string datagrams(5000, 'x');
    ASSERT_EQ(::sendto(socket.get(), datagrams.data(), datagrams.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to), 5000);
    segment.net.set_master(segment.workload.port(), "br0");
    parking.let_workload_speak();
    EXPECT_EQ(parking.release().held, 1U);
    int seen = 0;
    wire.take(100, [&](Frame frame) {
      if (frame.size() != 14 + 20 + 8 + 1000) return;
      ++seen;
      EXPECT_TRUE(has_right_checksum(frame));
    });
    EXPECT_EQ(seen, 5);
  });
}

// Of an experimental protocol, with an otherwise empty payload.
std::string ip_frame(const MacAddr& from, const MacAddr& to, char content) {
  constexpr size_t kIp = 14, kSum = kIp + 10, kPayload = kIp + 20;
  constexpr int kBytes = 60 - kIp, kExperiment = 253, kHops = 64;
  std::string bytes = frame(from, to, 0);
  bytes.replace(kIp - 2, 2, std::string("\x08\0", 2));
  bytes[kIp] = 0x45;
  bytes[kIp + 3] = kBytes;
  bytes[kIp + 8] = kHops;
  bytes[kIp + 9] = static_cast<char>(kExperiment);
  const uint16_t sum = ~(0x4500 + kBytes + kHops * 256 + kExperiment) & 0xffff;  // no carry
  bytes[kSum] = static_cast<char>(sum >> 8);
  bytes[kSum + 1] = static_cast<char>(sum & 0xff);
  bytes[kPayload] = content;
  return bytes;
}

// On the other side, where the workload was: a frame that is on its way to the bridge when the port is taken off it is not lost, and one
// that the bridge has taken does not go out twice.
TEST_F(ParkingTest, WhatTheWorkloadHadSentGoesOutAfterItsGateIsShut) {
  on_a_segment([](Segment& segment) {
    BridgeTap wire("br0", 100);
    wire.set_up(true);
    const MacAddr somebody = MacAddr::parse("02:55:00:00:00:66");  // whom nobody knows: flooded
    const auto on_the_wire = [&] {
      std::string seen;
      wire.take(100, [&](Frame frame) {
        if (destination_of(frame) == somebody) seen += static_cast<char>(frame[34]);
      });
      return seen;
    };
    const auto say = [&](char content, const MacAddr& from = kParkedMac) { segment.workload.send(ip_frame(from, somebody, content)); };
    const auto diversion = on_bridge();
    segment.net.set_master(segment.workload.port(), "br0");
    diversion->stand_by();
    for (int freeze = 0; freeze < 2; ++freeze) diversion->listen_to_workload();
    for (int i = 0; i < kOnTheirWayMs && on_the_wire().empty(); ++i) {  // a new port takes a moment
      say('0');
      (void)base::wait_readable(wire.fd(), 1);
    }
    (void)on_the_wire();
    say('1');
    EXPECT_EQ(on_the_wire(), "1");
    EXPECT_EQ(diversion->say_last_words(true), 0U);
    diversion->begin();
    segment.net.set_master(segment.workload.port(), "");
    say('2');
    say('3', kClient);  // not the workload's own
    say('4');
    EXPECT_EQ(on_the_wire(), "");
    EXPECT_EQ(diversion->say_last_words(true), 2U);
    EXPECT_EQ(on_the_wire(), "24");
    say('5');
    EXPECT_EQ(diversion->say_last_words(false), 0U);
    EXPECT_EQ(diversion->say_last_words(true), 0U);
    EXPECT_EQ(on_the_wire(), "");
    segment.client_sends(0, 5);  // and the frames for it are led here still
    int led = 0;
    diversion->take(100, [&](Frame frame) { led += diversion->is_for_it_alone(frame); });
    EXPECT_EQ(led, 5);
  });
}

TEST_F(ParkingTest, WhatCameToTheOtherHostGoesFirst) {
  on_a_segment([](Segment& segment) {
    Parking parking(on_bridge());
    parking.stand_by();
    parking.take_over();
    segment.client_sends(2, 5);
    for (int i = 0; i < 2; ++i) add_straggler(parking, i);
    segment.net.set_master(segment.workload.port(), "br0");
    EXPECT_EQ(parking.release().frames, 5U);
    add_straggler(parking, 5);  // late
    EXPECT_EQ(segment.workload.received(6), numbers(0, 6));
  });
}

// The frozen side's kernel may still say something, or an old frame of it may be under way.
TEST_F(ParkingTest, WhoeverElseSendsFromThatMacTheFramesStayHere) {
  on_a_segment([](Segment& segment) {
    Parking parking(on_bridge());
    parking.stand_by();
    parking.take_over();
    segment.other.send(frame(kParkedMac, kClient, 1));
    segment.client_sends(0, 3);
    EXPECT_TRUE(segment.other.received().empty());
    EXPECT_EQ(numbers_in(parking.give_back()), numbers(0, 3));
  });
}

TEST_F(ParkingTest, AfterItHasLetGoTheOtherHostHasThemAgain) {
  on_a_segment([](Segment& segment) {
    Parking parking(on_bridge());
    parking.stand_by();
    parking.take_over();
    segment.client_sends(0, 3);
    parking.let_go();
    segment.other.send(frame(kParkedMac, kClient, 1));
    segment.client_sends(3, 6);
    EXPECT_EQ(segment.other.received(3), numbers(3, 6));
    EXPECT_EQ(numbers_in(parking.give_back()), numbers(0, 3));
    parking.take_over();  // the next try
    segment.client_sends(6, 9);
    EXPECT_EQ(numbers_in(parking.give_back()), numbers(6, 9));
  });
}

TEST_F(ParkingTest, TooManyAreCountedNotLostWithoutAWord) {
  on_a_segment([](Segment& segment) {
    Parking parking(on_bridge());
    parking.stand_by();
    parking.take_over();
    segment.client_sends(0, kMostWaiting + 50);
    segment.net.set_master(segment.workload.port(), "br0");
    const auto parked = parking.release();
    EXPECT_EQ(parked.frames, static_cast<uint64_t>(kMostWaiting));
    EXPECT_EQ(parked.overflow, 50U);
  });
}

// The end of a process is the end of its descriptors: nothing else has to be done.
TEST_F(ParkingTest, NothingStaysAndTheBridgeIsAsItWas) {
  on_a_segment([](Segment& segment) {
    const auto before = *segment.net.find_link("br0");
    const auto links = segment.net.links().size();
    {
      Parking parking(on_bridge());
      parking.stand_by();
      parking.take_over();
      EXPECT_EQ(segment.net.links().size(), links + 1);
      EXPECT_EQ(segment.net.find_link("br0")->mac, before.mac);
      EXPECT_EQ(segment.net.find_link("br0")->mtu, before.mtu);
    }
    EXPECT_EQ(segment.net.links().size(), links);
    segment.client_sends(0, 3);  // nobody knows where it is: to all
    EXPECT_EQ(segment.other.received(3), numbers(0, 3));
  });
}

// A bridge whose MAC nobody has set has the lowest of its ports'; its host would be unreachable if that changed.
TEST_F(ParkingTest, ABridgeWithoutAMacOfItsOwnKeepsTheOneItHas) {
  in_own_network([](Netlink& net) {
    net.add_bridge("br0");
    net.set_up("br0", true);
    const End client(net, "client", "br0");
    net.set_mtu("client-port", 9000);
    const auto before = *net.find_link("br0");
    const Parking parking(on_bridge());
    EXPECT_EQ(net.find_link("br0")->mac, before.mac);
    EXPECT_EQ(net.find_link("br0")->mtu, before.mtu);
  });
}

class DiversionTest : public ParkingTest {
 protected:
  static std::vector<int> take(Diversion& diversion) {
    std::vector<std::string> frames;
    diversion.take(1'000, [&](Frame frame) {
      if (destination_of(frame) == kParkedMac) frames.push_back(bytes_of(frame));
    });
    return numbers_in(frames);
  }
  // The workload is at its port on the bridge, a diversion stands by.
  void beside_a_workload(const std::function<void(Segment&, Diversion&)>& work) {
    on_a_segment([&](Segment& segment) {
      put_on_bridge(segment);
      BridgeDiversion diversion("br0", kIdentity, kWorkPort);
      diversion.stand_by();
      work(segment, diversion);
    });
  }

 private:
  static void put_on_bridge(Segment& segment) {
    segment.net.set_master(segment.workload.port(), "br0");
    while (segment.client.received().empty()) segment.workload.send(frame(kParkedMac, kClient, 0));  // a new port takes a moment
    (void)segment.other.received();
  }
};

TEST_F(DiversionTest, EachFrameGoesToThePortOrTheDiversion) {
  beside_a_workload([](Segment& segment, Diversion& diversion) {
    segment.client_sends(0, 2);
    EXPECT_EQ(segment.workload.received(2), numbers(0, 2));
    diversion.begin();
    segment.client_sends(2, 5);
    segment.workload.send(frame(kParkedMac, kClient, 0));  // what it had to say still: changes nothing
    segment.client_sends(5, 7);
    segment.net.set_master(segment.workload.port(), "");
    segment.client_sends(7, 9);
    segment.client.send(frame(kClient, MacAddr::parse("02:55:00:00:00:05"), 9));  // somebody else's, flooded
    EXPECT_EQ(take(diversion), numbers(2, 9));
    EXPECT_TRUE(segment.workload.received().empty());
  });
}

TEST_F(DiversionTest, LoosenedItGivesWayToAnAnnouncement) {
  beside_a_workload([](Segment& segment, Diversion& diversion) {
    diversion.begin();
    segment.other.send(frame(kParkedMac, kClient, 0));
    segment.client_sends(0, 2);
    EXPECT_EQ(take(diversion), numbers(0, 2));
    diversion.loosen();
    segment.client_sends(2, 4);
    EXPECT_EQ(take(diversion), numbers(2, 4));
    segment.other.send(frame(kParkedMac, kClient, 0));
    segment.client_sends(4, 6);
    EXPECT_TRUE(take(diversion).empty());
    EXPECT_EQ(segment.other.received(2), numbers(4, 6));
  });
}

TEST_F(DiversionTest, HandedOverInOrder) {
  beside_a_workload([](Segment& segment, Diversion& diversion) {
    diversion.begin();
    segment.client_sends(0, 100);
    diversion.hand_over([&](Frame frame) { LinkSocket(segment.workload.port()).send(frame); });
    segment.client_sends(100, 103);
    EXPECT_EQ(segment.workload.received(103), numbers(0, 103));
  });
}

}  // namespace
}  // namespace ferry::handover
