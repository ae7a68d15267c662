// SPDX-License-Identifier: Apache-2.0
#include "handover/relay_entrance.h"

#include <fmt/format.h>
#include <net/ethernet.h>
#include <netinet/ip_icmp.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "handover/diversion.h"

namespace ferry::handover {

using kernel::FrameMatch;
using kernel::LinkRule;
using Header = kernel::FrameMatch::Header;

namespace {

constexpr const char* kRelayTaps = "fyr%d";
// Within headers, in bytes.
constexpr uint32_t kProtocolAt = 9, kFromAt = 12, kToAt = 16, kDestinationPortAt = 2;
constexpr uint32_t kErrorAbout = 8;     // in ICMP: the IP header of what it is about
constexpr uint8_t kPlainHeader = 0x45;  // IPv4 without options: where the rest of it is, is known
constexpr uint32_t kPlainHeaderBytes = 20;

bool has_mac(const kernel::Link& link) { return link.mac != kernel::MacAddr{}; }

std::vector<uint8_t> big_endian(uint16_t number) {
  return {static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number & 0xff)};
}

std::vector<uint8_t> bytes_of_ipv4(const kernel::IpAddr& address) {
  return {address.bytes.begin(), address.bytes.begin() + 4};
}

// To HOST:port.
LinkRule packets_for(const PublishedPort& port, const kernel::IpAddr& host, int tap) {
  return {ETHERTYPE_IP,
          {{Header::kNetwork, kProtocolAt, {port.protocol}},
           {Header::kNetwork, kToAt, bytes_of_ipv4(host)},
           {Header::kTransport, kDestinationPortAt, big_endian(port.host_port)}},
          LinkRule::Verdict::kForward,
          tap};
}

// About what HOST:port has sent.
LinkRule errors_for(const PublishedPort& port, const kernel::IpAddr& host, int tap) {
  return {ETHERTYPE_IP,
          {{Header::kNetwork, kProtocolAt, {IPPROTO_ICMP}},
           {Header::kNetwork, kToAt, bytes_of_ipv4(host)},
           {Header::kTransport, 0, {ICMP_DEST_UNREACH}},
           {Header::kTransport, kErrorAbout, {kPlainHeader}},
           {Header::kTransport, kErrorAbout + kProtocolAt, {port.protocol}},
           {Header::kTransport, kErrorAbout + kFromAt, bytes_of_ipv4(host)},
           {Header::kTransport, kErrorAbout + kPlainHeaderBytes, big_endian(port.host_port)}},
          LinkRule::Verdict::kForward,
          tap};
}

std::vector<kernel::Address> ipv4_addresses(const kernel::Netlink& host, const std::string& link) {
  const auto found = host.find_link(link);
  std::vector<kernel::Address> addresses;
  for (auto& address : host.addresses()) {
    if (found && address.link == found->index && address.prefix.address.size == 4)
      addresses.push_back(std::move(address));
  }
  return addresses;
}

}  // namespace

RelayEntrance::RelayEntrance(std::string name, std::vector<PublishedPort> ports,
                             const std::string& private_bridge)
    : name_(std::move(name)),
      table_("ferry-relay-" + name_),
      ports_(std::move(ports)),
      tables_(std::make_unique<kernel::Nftables>()) {
  std::erase_if(ports_, [](const auto& port) { return port.host.size != 4; });
  const kernel::Netlink host;
  for (const auto& link : host.links()) {
    if (link.name == "lo" || link.master != 0 || link.name == private_bridge || !has_mac(link))
      continue;
    if (ipv4_addresses(host, link.name).empty()) continue;
    taps_.emplace_back(kRelayTaps, link.name, kMostWaiting, kernel::Tap::Large::kYes);
  }
  chains_ = make_chains(host);
  if (std::ranges::all_of(chains_, [](const auto& chain) { return chain.rules.empty(); })) {
    base::refuse(fmt::format("cannot relay the ports of {}", name_),
                 "no interface of this host has an IPv4 address that they are published at",
                 "move it without its connections");
  }
  put_empty_table();
}

void RelayEntrance::put_empty_table() {
  auto empty = chains_;
  for (auto& chain : empty) chain.rules.clear();
  tables_->put_table(table_, empty, kernel::Nftables::Life::kWithThis);
}

RelayEntrance::RelayEntrance(std::string name, std::vector<PublishedPort> ports,
                             std::vector<base::Fd> fds, const std::vector<std::string>& links)
    : name_(std::move(name)), table_("ferry-relay-" + name_), ports_(std::move(ports)) {
  CHECK(fds.size() == links.size() + 1);
  tables_ = std::make_unique<kernel::Nftables>(std::move(fds[0]));
  for (size_t i = 0; i < links.size(); ++i) taps_.emplace_back(std::move(fds[i + 1]), links[i]);
}

RelayEntrance::~RelayEntrance() {
  if (!tables_) return;
  try {
    give_back();
  } catch (const std::exception& failure) {
    base::log("the relay of {}: {}", name_, failure.what());
  }
}

std::vector<kernel::LinkChain> RelayEntrance::make_chains(const kernel::Netlink& host) const {
  std::vector<kernel::LinkChain> chains;
  for (const auto& tap : taps_) {
    kernel::LinkChain chain{kernel::LinkChain::Way::kIn, tap.link(), {}};
    for (const auto& address : ipv4_addresses(host, tap.link())) {
      const auto& here = address.prefix.address;
      for (const auto& port : ports_) {
        if (port.host != kernel::IpAddr{} && port.host != here) continue;
        for (const auto& rule : {packets_for, errors_for})
          chain.rules.push_back(rule(port, here, tap.place().link));
      }
    }
    // What is given back passes, before it.
    if (!chain.rules.empty()) {
      const auto& mac = tap.place().mac.bytes;
      chain.rules.insert(
          chain.rules.begin(),
          {{}, {{Header::kLink, ETH_ALEN, {mac.begin(), mac.end()}}}, LinkRule::Verdict::kAccept});
    }
    chains.push_back(std::move(chain));
  }
  return chains;
}

void RelayEntrance::stand_by() {
  for (auto& tap : taps_) tap.set_up();
}

void RelayEntrance::begin() {
  if (has_begun_) return;
  if (has_given_back_) put_empty_table();
  tables_->add_rules(table_, chains_);
  has_begun_ = true;
}

void RelayEntrance::give_back() {
  const auto give_some = [this] {
    size_t given = 0;
    for (auto& tap : taps_) {
      given += tap.take(kMostAtOnce, [&](Frame frame, const kernel::Unfinished& unfinished) {
        try {
          tap.give(frame, unfinished);
        } catch (const base::SysError& refused) {  // one frame is no reason to lose the others
          base::log("a frame given back: {}", refused.what());
        }
      });
    }
    return given;
  };
  hand_over_in_order(give_some, [this] { tables_->delete_table(table_); });
  has_begun_ = false;
  has_given_back_ = true;
}

uint64_t RelayEntrance::dropped() const {
  uint64_t all = 0;
  for (const auto& tap : taps_) all += tap.dropped();
  return all;
}

RelayEntrance::Shared RelayEntrance::shared() const {
  Shared shared;
  shared.fds.push_back(tables_->fd());
  for (const auto& tap : taps_) {
    shared.fds.push_back(tap.fd());
    shared.links.push_back(tap.link());
  }
  return shared;
}

void RelayEntrance::let_go() {
  tables_.reset();
  taps_.clear();
}

}  // namespace ferry::handover
