// SPDX-License-Identifier: Apache-2.0
#include "handover/attachment.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "handover/macvlan_diversion.h"
#include "handover/macvlan_gate.h"
#include "handover/port_gate.h"

namespace ferry::handover {

namespace {

// The kernel gives what comes in on a link to one taker: a bridge, say, or its macvlans.
bool can_be_parent(const kernel::Link& link) {
  return link.up && link.master == 0 && link.name != "lo" && link.kind != "macvlan";
}

bool has_address_for(const kernel::Link& link, const std::vector<kernel::Address>& known,
                     const Identity& identity) {
  return std::ranges::any_of(known, [&](const kernel::Address& one) {
    return one.link == link.index &&
           std::ranges::any_of(identity.addresses, [&](const auto& wanted) {
             return one.prefix.contains(wanted.address);
           });
  });
}

}  // namespace

std::string find_parent(const kernel::Netlink& host, const std::string& same_name,
                        const Identity& identity) {
  if (const auto same = host.find_link(same_name); same && can_be_parent(*same)) return same->name;
  const auto known = host.addresses();
  for (const auto& link : host.links()) {
    if (can_be_parent(link) && has_address_for(link, known, identity)) return link.name;
  }
  base::refuse(
      fmt::format("cannot give a workload the address {} by a macvlan", identity.addresses_text()),
      fmt::format("this host has no link {} that is up and no bridge's port, and none with an "
                  "address in that network",
                  same_name),
      "give the interface or bridge that leads to that network the same name on both hosts, or an "
      "address in it");
}

void make_link(int netns, const Attachment& attachment, const Identity& identity) {
  if (!attachment.is_macvlan()) {
    (void)Port::create(netns, attachment, identity);
    return;
  }
  NetworkBarrier(netns)
      .shut();  // first: its kernel would answer, and speak, as soon as there is a link
  kernel::Netlink().add_macvlan(identity.link, attachment.segment, attachment.macvlan_mode, netns,
                                identity.mac);
  set_up_inside(netns, identity);
}

void remove_link(const Attachment& attachment, const Identity& identity, const base::Fd& netns) {
  if (!attachment.is_macvlan()) return kernel::Netlink().delete_link(attachment.link);
  if (!netns) return;
  kernel::in_network_namespace(netns.get(), [&] {
    kernel::Netlink inside;
    const auto found = inside.find_link(identity.link);
    if (found && found->kind == "macvlan" && found->mac == identity.mac)
      inside.delete_link(identity.link);
  });
  NetworkBarrier(netns.get()).open();  // for whoever has the namespace next
}

std::unique_ptr<Gate> gate_of(const Attachment& attachment, const Identity& identity,
                              std::function<base::Fd()> netns) {
  if (attachment.is_macvlan()) return std::make_unique<MacvlanGate>(identity, std::move(netns));
  return std::make_unique<PortGate>(Port(attachment), identity, std::move(netns));
}

std::string why_no_diversion(const Attachment& attachment) {
  const auto parent =
      attachment.is_macvlan() ? kernel::Netlink().find_link(attachment.segment) : std::nullopt;
  if (!attachment.is_macvlan() || (parent && parent->kind == "bridge")) return "";
  return fmt::format("its macvlan stands on {}, which is no bridge", attachment.segment);
}

std::unique_ptr<Diversion> diversion_of(const Attachment& attachment, const Identity& identity,
                                        const base::Fd& arrives_in) {
  if (!attachment.is_macvlan())
    return std::make_unique<BridgeDiversion>(attachment.segment, identity, attachment.link);
  auto barrier = arrives_in ? std::make_optional<NetworkBarrier>(arrives_in.get()) : std::nullopt;
  return std::make_unique<MacvlanDiversion>(attachment.segment, identity, std::move(barrier));
}

}  // namespace ferry::handover
