// SPDX-License-Identifier: Apache-2.0
#include "handover/address_barrier.h"

#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>

#include <algorithm>
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

// Where addresses stand behind the Ethernet header.
struct Layout {
  uint16_t ethertype;
  uint32_t source, destination;
  // Who asks for the MAC of an address names it here, in a packet of that kind.
  uint16_t question_ethertype;
  uint32_t target;
  std::vector<FrameMatch> question;
  std::vector<FrameMatch> announcement;  // tells packets of that from others; empty: no packet is
};

// RFC 791, RFC 826 for IPv4 over Ethernet; RFC 8200, RFC 4861 4.3 (a neighbour solicitation).
const Layout& layout_of(const kernel::IpAddr& address) {
  static const Layout kIpv4{ETHERTYPE_IP, 12, 16, ETHERTYPE_ARP, 24, {}, {}};
  static const FrameMatch kOfIcmp{FrameMatch::Header::kNetwork, 6, {IPPROTO_ICMPV6}};
  static const Layout kIpv6{ETHERTYPE_IPV6,
                            8,
                            24,
                            ETHERTYPE_IPV6,
                            48,
                            {kOfIcmp, {FrameMatch::Header::kNetwork, 40, {ND_NEIGHBOR_SOLICIT}}},
                            {kOfIcmp, {FrameMatch::Header::kNetwork, 40, {ND_NEIGHBOR_ADVERT}}}};
  return address.family() == AF_INET ? kIpv4 : kIpv6;
}

// From an address that has been taken off nothing is sent, as long as it is one of IPv4: the kernel
// asks whose it is (ip_route_output_key_hash_rcu()), and of IPv6 it does not.
bool must_hold_what_leaves(const kernel::IpAddr& address) { return address.family() == AF_INET6; }

// nft(8) would not take a colon in a name.
std::string named_for(const std::string& what, const HostAddress& here) {
  auto name = what + here.text();
  std::ranges::replace(name, ':', '_');
  return name;
}
std::string mute_of(const HostAddress& here) { return named_for("ferry-mute-", here); }

FrameMatch match_of(uint32_t offset, const kernel::IpAddr& address) {
  return {FrameMatch::Header::kNetwork,
          offset,
          {address.bytes.begin(), address.bytes.begin() + address.size}};
}

std::vector<FrameMatch> question_for(const kernel::IpAddr& address) {
  const auto& layout = layout_of(address);
  auto matches = layout.question;
  matches.push_back(match_of(layout.target, address));
  return matches;
}

bool has(std::span<const std::byte> frame, size_t offset, std::span<const uint8_t> wanted) {
  offset += sizeof(ether_header);
  return frame.size() >= offset + wanted.size() &&
         std::memcmp(frame.data() + offset, wanted.data(), wanted.size()) == 0;
}

bool has(std::span<const std::byte> frame, uint16_t ethertype, size_t offset,
         const kernel::IpAddr& address) {
  if (!has(frame, offset, std::span(address.bytes).first(address.size))) return false;
  const auto* bytes = reinterpret_cast<const uint8_t*>(frame.data());
  return static_cast<uint16_t>(bytes[12] << 8 | bytes[13]) == ethertype;
}

}  // namespace

std::string table_of(const HostAddress& here) { return named_for("ferry-", here); }

std::string why_no_barrier(const kernel::IpAddr& address) {
  return kernel::why_no_link_tables(must_hold_what_leaves(address) ? Way::kOut : Way::kIn);
}

std::string why_no_gate(const kernel::IpAddr& address) {
  return must_hold_what_leaves(address) ? kernel::why_no_link_tables(Way::kOut) : "";
}

std::vector<kernel::LinkChain> barrier_chains(const HostAddress& here,
                                              const std::optional<WaitingPlace>& waiting) {
  const auto verdict = waiting ? LinkRule::Verdict::kForward : LinkRule::Verdict::kDrop;
  const int place = waiting ? waiting->link : 0;
  const auto& layout = layout_of(here.address());
  const auto destination = match_of(layout.destination, here.address());
  std::vector<LinkRule> rules;
  if (waiting) {
    const auto& mac = waiting->mac.bytes;
    rules.push_back({{},
                     {{FrameMatch::Header::kLink, kSenderMac, {mac.begin(), mac.end()}}},
                     LinkRule::Verdict::kAccept});
  }
  rules.push_back({layout.ethertype, {destination}, verdict, place});
  rules.push_back({layout.question_ethertype, question_for(here.address()), verdict, place});
  return {{Way::kIn, here.link, std::move(rules)},
          {Way::kIn, "lo", {{layout.ethertype, {destination}, LinkRule::Verdict::kDrop}}}};
}

bool is_from(const HostAddress& here, std::span<const std::byte> frame) {
  const auto& layout = layout_of(here.address());
  return has(frame, layout.ethertype, layout.source, here.address());
}
bool is_to(const HostAddress& here, std::span<const std::byte> frame) {
  const auto& layout = layout_of(here.address());
  return has(frame, layout.ethertype, layout.destination, here.address());
}
bool asks_for(const HostAddress& here, std::span<const std::byte> frame) {
  const auto& layout = layout_of(here.address());
  return has(frame, layout.question_ethertype, layout.target, here.address()) &&
         std::ranges::all_of(layout.question, [&](const FrameMatch& match) {
           return has(frame, match.offset, match.bytes);
         });
}

namespace {

kernel::LinkChain what_leaves(const HostAddress& here, const std::optional<WaitingPlace>& waiting) {
  const auto& layout = layout_of(here.address());
  const auto source = match_of(layout.source, here.address());
  kernel::LinkChain chain{Way::kOut, here.link, {}};
  if (waiting) {  // what has waited leaves by a socket, while the rest still comes here
    LinkRule sent_on;
    sent_on.verdict = LinkRule::Verdict::kAccept;
    sent_on.mark = kSentByFerry;
    chain.rules.push_back(std::move(sent_on));
  }
  if (!layout.announcement.empty()) {
    auto announced = layout.announcement;
    announced.push_back(source);
    chain.rules.push_back({layout.ethertype, std::move(announced), LinkRule::Verdict::kAccept});
  }
  const auto verdict = waiting ? LinkRule::Verdict::kForward : LinkRule::Verdict::kDrop;
  chain.rules.push_back({layout.ethertype, {source}, verdict, waiting ? waiting->link : 0});
  return chain;
}

}  // namespace

void HostAddressGate::shut() {
  if (must_hold_what_leaves(here_.address())) {
    kernel::Nftables().put_table(mute_of(here_), {what_leaves(here_, {})},
                                 kernel::Nftables::Life::kLasting);
  }
  take_off(here_);
}

void HostAddressGate::open() {
  put_on(here_);
  unmute(here_);
}

void unmute(const HostAddress& here) {
  if (must_hold_what_leaves(here.address())) kernel::Nftables().delete_table(mute_of(here));
}

void AddressBarrier::shut(const std::optional<WaitingPlace>& waiting) {
  unmute(here_);  // what an earlier departure from here may have left
  auto chains = barrier_chains(here_, waiting);
  kernel::Nftables tables;
  const auto put = [&] {
    tables.put_table(table_of(here_), chains, kernel::Nftables::Life::kLasting);
  };
  chains.push_back(what_leaves(here_, waiting));
  try {
    put();
  } catch (const base::SysError&
               before_5_16) {  // what leaves too early does so unhindered: docs/phases.md
    if (must_hold_what_leaves(here_.address())) throw;
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
