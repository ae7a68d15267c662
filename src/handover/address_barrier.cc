// SPDX-License-Identifier: Apache-2.0
#include "handover/address_barrier.h"

#include <net/ethernet.h>

#include <cstring>

#include "base/error.h"
#include "base/log.h"
#include "handover/announcement.h"

namespace ferry::handover {

using kernel::FrameMatch;
using kernel::LinkRule;
using Way = kernel::LinkChain::Way;

namespace {

constexpr uint32_t kSenderMac = 6;  // in an Ethernet frame
constexpr uint32_t kSource = 12;    // in an IPv4 header
constexpr uint32_t kDestination = 16;
constexpr uint32_t kArpTarget = 24;  // in ARP for IPv4 over Ethernet: whose MAC is asked for

std::vector<uint8_t> bytes_of_address(const kernel::IpAddr& address) {
  return {address.bytes.begin(), address.bytes.begin() + address.size};
}

bool has(std::span<const std::byte> frame, uint16_t ethertype, size_t offset,
         const kernel::IpAddr& address) {
  offset += sizeof(ether_header);
  if (frame.size() < offset + address.size) return false;
  const auto* bytes = reinterpret_cast<const uint8_t*>(frame.data());
  const auto type = static_cast<uint16_t>(bytes[12] << 8 | bytes[13]);
  return type == ethertype && std::memcmp(bytes + offset, address.bytes.data(), address.size) == 0;
}

}  // namespace

std::string table_of(const HostAddress& here) { return "ferry-" + here.text(); }

std::vector<kernel::LinkChain> barrier_chains(const HostAddress& here,
                                              const std::optional<WaitingPlace>& waiting) {
  const auto verdict = waiting ? LinkRule::Verdict::kForward : LinkRule::Verdict::kDrop;
  const int place = waiting ? waiting->link : 0;
  const auto address = bytes_of_address(here.address());
  const FrameMatch destination{FrameMatch::Header::kNetwork, kDestination, address};
  std::vector<LinkRule> rules;
  if (waiting) {
    const auto& mac = waiting->mac.bytes;
    rules.push_back({{},
                     {{FrameMatch::Header::kLink, kSenderMac, {mac.begin(), mac.end()}}},
                     LinkRule::Verdict::kAccept});
  }
  rules.push_back({ETHERTYPE_IP, {destination}, verdict, place});
  rules.push_back(
      {ETHERTYPE_ARP, {{FrameMatch::Header::kNetwork, kArpTarget, address}}, verdict, place});
  return {{Way::kIn, here.link, std::move(rules)},
          {Way::kIn, "lo", {{ETHERTYPE_IP, {destination}, LinkRule::Verdict::kDrop}}}};
}

bool is_from(const HostAddress& here, std::span<const std::byte> frame) {
  return has(frame, ETHERTYPE_IP, kSource, here.address());
}
bool is_to(const HostAddress& here, std::span<const std::byte> frame) {
  return has(frame, ETHERTYPE_IP, kDestination, here.address());
}
bool asks_for(const HostAddress& here, std::span<const std::byte> frame) {
  return has(frame, ETHERTYPE_ARP, kArpTarget, here.address());
}

void AddressBarrier::shut(const std::optional<WaitingPlace>& waiting) {
  auto chains = barrier_chains(here_, waiting);
  kernel::Nftables tables;
  const auto put = [&] {
    tables.put_table(table_of(here_), chains, kernel::Nftables::Life::kLasting);
  };
  const FrameMatch source{FrameMatch::Header::kNetwork, kSource, bytes_of_address(here_.address())};
  const auto verdict = waiting ? LinkRule::Verdict::kForward : LinkRule::Verdict::kDrop;
  chains.push_back(
      {Way::kOut, here_.link, {{ETHERTYPE_IP, {source}, verdict, waiting ? waiting->link : 0}}});
  try {
    put();
  } catch (const base::SysError&
               before_5_16) {  // what leaves too early does so unhindered: docs/phases.md
    base::log("{}: nothing is held that leaves from it: {}", here_.text(), before_5_16.what());
    chains.pop_back();
    put();
  }
}

void AddressBarrier::announce() {
  if (!segment_) segment_.emplace(here_.link);
  for (const auto& frame : announcements(claim_of(here_)))
    segment_->send(std::as_bytes(std::span(frame)));
}

void AddressBarrier::open() { kernel::Nftables().delete_table(table_of(here_)); }

}  // namespace ferry::handover
