// SPDX-License-Identifier: Apache-2.0
//
// A packet that is relayed: read once, and its addresses and ports changed in place, with its
// checksums corrected for the difference (RFC 1624) and not made anew, so that what has been
// damaged on the way stays recognisable. Where the checksum is still to be made by a device
// (kernel::Unfinished) its field has the pseudo header's sum, and it is that which is corrected.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "kernel/netlink.h"
#include "kernel/tap.h"

namespace ferry::handover {

// An end of a connection, with the protocol: in host byte order.
struct RelayAddress {
  uint32_t address = 0;
  uint16_t port = 0;
  bool operator==(const RelayAddress&) const = default;
};
uint32_t number_of(const kernel::IpAddr& address);
kernel::IpAddr address_of(uint32_t number);

// What one connection is to the relay: who talks to which port of the workload.
struct FlowKey {
  uint8_t protocol = 0;
  RelayAddress client;
  uint16_t workload_port = 0;
  bool operator==(const FlowKey&) const = default;
};

class RelayPacket {
 public:
  // `frame`: from its Ethernet header on. Nothing: not TCP, UDP or an ICMP "destination
  // unreachable" about one of these over IPv4, in one piece and whole.
  static std::optional<RelayPacket> parse(std::span<std::byte> frame,
                                          const kernel::Unfinished& unfinished);

  uint8_t protocol() const { return protocol_; }  // of an ICMP error: of what it is about
  bool is_error() const { return is_error_; }
  // From whom, to whom. Of an ICMP error: those of what it is about, the other way round.
  RelayAddress source() const;
  RelayAddress destination() const;
  void set_source(const RelayAddress& to);              // not of an ICMP error
  void set_destination(const RelayAddress& to);         // of an ICMP error: and its own
  size_t frame_bytes() const { return frame_.size(); }  // without what has filled it up

 private:
  using Sums = std::span<const size_t>;  // where the checksums stand

  uint16_t word(size_t at) const;
  void put(size_t at, uint16_t value);
  void correct(size_t sum_at, uint16_t before, uint16_t after);
  void change(size_t at, uint16_t value, Sums sums);
  void change_address(size_t at, uint32_t value, Sums sums);
  RelayAddress end_at(size_t address_at, size_t port_at) const;
  bool has_its_checksum_where_it_should(const kernel::Unfinished& unfinished) const;
  bool find_error(size_t transport);

  std::span<std::byte> frame_;
  size_t ip_ = 0;         // of what it is, or of what the error is about
  size_t transport_ = 0;  // the same
  size_t sum_ = 0;        // of the transport; 0: it has none (UDP)
  uint8_t protocol_ = 0;
  bool is_error_ = false;
  bool is_partial_ = false;
};

}  // namespace ferry::handover

template <>
struct std::hash<ferry::handover::FlowKey> {
  size_t operator()(const ferry::handover::FlowKey& key) const noexcept {
    const uint64_t ports = uint64_t{key.client.port} << 16 | key.workload_port;
    const uint64_t all = (uint64_t{key.client.address} << 32 | ports) ^ uint64_t { key.protocol }
                                                                            << 56;
    return std::hash<uint64_t>{}(all * 0x9e3779b97f4a7c15U);
  }
};
