// SPDX-License-Identifier: Apache-2.0
#include "handover/relay_packet.h"

#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#include <array>
#include <cstring>

namespace ferry::handover {

namespace {

constexpr size_t kIpAt = sizeof(ether_header);
constexpr size_t kShortestIp = 20, kIcmpHeader = 8, kPorts = 4;
// Within an IPv4 header.
constexpr size_t kTotalLength = 2, kFragment = 6, kProtocol = 9, kIpSum = 10, kFrom = 12, kTo = 16;
constexpr uint16_t kAnyFragment = 0x3fff;  // more of them, or an offset
// Within those of TCP, UDP and ICMP.
constexpr size_t kTcpSum = 16, kUdpSum = 6, kIcmpSum = 2;
constexpr size_t kShortestTcp = 20, kUdpHeader = 8;
constexpr uint8_t kNeedsChecksum = 1;  // VIRTIO_NET_HDR_F_NEEDS_CSUM

uint16_t folded(uint32_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

size_t header_bytes_at(std::span<const std::byte> frame, size_t ip) {
  return std::to_integer<size_t>(frame[ip] & std::byte{0x0f}) * 4;
}

}  // namespace

uint32_t number_of(const kernel::IpAddr& address) {
  uint32_t number = 0;
  for (size_t i = 0; i < 4; ++i) number = number << 8 | address.bytes[i];
  return number;
}

kernel::IpAddr address_of(uint32_t number) {
  kernel::IpAddr address;
  for (size_t i = 0; i < 4; ++i) address.bytes[i] = static_cast<uint8_t>(number >> (24 - 8 * i));
  return address;
}

uint16_t RelayPacket::word(size_t at) const {
  return static_cast<uint16_t>(std::to_integer<uint16_t>(frame_[at]) << 8 |
                               std::to_integer<uint16_t>(frame_[at + 1]));
}

void RelayPacket::put(size_t at, uint16_t value) {
  frame_[at] = static_cast<std::byte>(value >> 8);
  frame_[at + 1] = static_cast<std::byte>(value & 0xff);
}

std::optional<RelayPacket> RelayPacket::parse(std::span<std::byte> frame,
                                              const kernel::Unfinished& unfinished) {
  RelayPacket packet;
  packet.frame_ = frame;
  if (frame.size() < kIpAt + kShortestIp || packet.word(kIpAt - 2) != ETHERTYPE_IP) return {};
  const size_t header = header_bytes_at(frame, kIpAt), total = packet.word(kIpAt + kTotalLength);
  if (frame[kIpAt] >> 4 != std::byte{4} || header < kShortestIp || total < header + kPorts)
    return {};
  if (kIpAt + total > frame.size()) return {};
  if ((packet.word(kIpAt + kFragment) & kAnyFragment) != 0) return {};
  packet.frame_ = frame.first(kIpAt + total);
  packet.ip_ = kIpAt;
  packet.transport_ = kIpAt + header;
  packet.protocol_ = std::to_integer<uint8_t>(frame[kIpAt + kProtocol]);
  packet.is_partial_ = (unfinished.flags & kNeedsChecksum) != 0;
  const size_t left = total - header;
  if (packet.protocol_ == IPPROTO_ICMP) {
    if (packet.is_partial_ || !packet.find_error(packet.transport_)) return {};
    return packet;
  }
  if (packet.protocol_ == IPPROTO_TCP && left >= kShortestTcp) {
    packet.sum_ = packet.transport_ + kTcpSum;
  } else if (packet.protocol_ == IPPROTO_UDP && left >= kUdpHeader) {
    packet.sum_ = packet.transport_ + kUdpSum;
    if (packet.word(packet.sum_) == 0 && !packet.is_partial_) packet.sum_ = 0;
  } else {
    return {};
  }
  if (packet.is_partial_ && !packet.has_its_checksum_where_it_should(unfinished)) return {};
  return packet;
}

bool RelayPacket::has_its_checksum_where_it_should(const kernel::Unfinished& unfinished) const {
  return unfinished.checksum_start == transport_ &&
         unfinished.checksum_start + unfinished.checksum_offset == sum_;
}

bool RelayPacket::find_error(size_t transport) {
  const size_t inner = transport + kIcmpHeader;
  if (frame_.size() < inner + kShortestIp || frame_[transport] != std::byte{ICMP_DEST_UNREACH})
    return false;
  const size_t header = header_bytes_at(frame_, inner);
  if (header < kShortestIp || frame_.size() < inner + header + kPorts) return false;
  is_error_ = true;
  ip_ = inner;
  transport_ = inner + header;
  sum_ = transport + kIcmpSum;
  protocol_ = std::to_integer<uint8_t>(frame_[inner + kProtocol]);
  return protocol_ == IPPROTO_TCP || protocol_ == IPPROTO_UDP;
}

RelayAddress RelayPacket::end_at(size_t address_at, size_t port_at) const {
  return {uint32_t{word(address_at)} << 16 | word(address_at + 2), word(port_at)};
}

RelayAddress RelayPacket::source() const {
  return is_error_ ? end_at(ip_ + kTo, transport_ + 2) : end_at(ip_ + kFrom, transport_);
}

RelayAddress RelayPacket::destination() const {
  return is_error_ ? end_at(ip_ + kFrom, transport_) : end_at(ip_ + kTo, transport_ + 2);
}

void RelayPacket::correct(size_t sum_at, uint16_t before, uint16_t after) {
  if (sum_at == 0) return;
  if (is_partial_ && sum_at == sum_) {
    put(sum_at, folded(uint32_t{word(sum_at)} + static_cast<uint16_t>(~before) + after));
    return;
  }
  const uint16_t sum = static_cast<uint16_t>(~folded(
      uint32_t{static_cast<uint16_t>(~word(sum_at))} + static_cast<uint16_t>(~before) + after));
  const bool is_udp = sum_at == sum_ && protocol_ == IPPROTO_UDP && !is_error_;
  put(sum_at, is_udp && sum == 0 ? 0xffff : sum);  // 0 says that there is none
}

void RelayPacket::change(size_t at, uint16_t value, Sums sums) {
  const uint16_t before = word(at);
  put(at, value);
  for (const size_t sum : sums) correct(sum, before, value);
}

void RelayPacket::change_address(size_t at, uint32_t value, Sums sums) {
  change(at, static_cast<uint16_t>(value >> 16), sums);
  change(at + 2, static_cast<uint16_t>(value & 0xffff), sums);
}

void RelayPacket::set_source(const RelayAddress& to) {
  change_address(ip_ + kFrom, to.address, std::array{ip_ + kIpSum, sum_});
  change(transport_, to.port, std::array{is_partial_ ? size_t{0} : sum_});
}

void RelayPacket::set_destination(const RelayAddress& to) {
  if (!is_error_) {
    change_address(ip_ + kTo, to.address, std::array{ip_ + kIpSum, sum_});
    change(transport_ + 2, to.port, std::array{is_partial_ ? size_t{0} : sum_});
    return;
  }
  // The inner header's own checksum changes with its address, so that to ICMP's the two are
  // nothing.
  change_address(ip_ + kFrom, to.address, std::array{ip_ + kIpSum});
  change(transport_, to.port, std::array{sum_});
  change_address(kIpAt + kTo, to.address, std::array{kIpAt + kIpSum});
}

}  // namespace ferry::handover
