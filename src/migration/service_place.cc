// SPDX-License-Identifier: Apache-2.0
#include "migration/service_place.h"

#include <fmt/format.h>
#include <linux/if_addr.h>
#include <unistd.h>

#include <set>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "capsule/record.h"
#include "handover/address_probe.h"
#include "kernel/sock_diag.h"
#include "migration/source.h"
#include "process/listeners.h"
#include "process/outsiders.h"

namespace ferry::migration {

using handover::HostAddress;
using nlohmann::json;
using process::Reasons;

namespace {

constexpr base::milliseconds kServiceProbeLimit{200};  // as for an identity
constexpr const char* kTakeItAway = "take it away from there: an address can be in one place only";

Reasons only(std::string what, std::string why, std::string remedy) {
  return {{std::move(what), std::move(why), std::move(remedy)}};
}

std::optional<HostAddress> place_of(const wire::ServiceAddress& told) {
  const auto prefix = kernel::IpPrefix::parse(told.address());
  auto place = handover::place_for(prefix, told.link());
  if (!place) return std::nullopt;
  if (!told.broadcast().empty()) place->entry.broadcast = kernel::IpAddr::parse(told.broadcast());
  place->entry.scope = static_cast<uint8_t>(told.scope());
  if (told.deprecated()) place->entry.flags |= IFA_F_DEPRECATED;
  return place;
}

std::string no_interface_for(const wire::ServiceAddress& told) {
  return fmt::format("no interface of this host has an address in the network of {}",
                     told.address());
}
constexpr const char* kJoinIts = "join this host to the network that the address is in";

}  // namespace

Reasons take_service(const std::string& address, const process::View& view,
                     runtime::Workload& workload) {
  if (address == kNoAddress) return {};
  const bool is_named = !address.empty();
  const std::string text = is_named ? address : workload.record ? workload.record->service : "";
  if (text.empty()) return {};
  const auto wanted = kernel::IpAddr::parse(text);
  const auto what = fmt::format("the address {} cannot move with it", text);
  if (wanted.is_link_local())
    return only(what, "it is a link-local address, which means nothing without its interface",
                "name another address of that interface");
  if (workload.identity) {
    return only(what,
                fmt::format("the workload has an address of its own ({}), which goes along anyway",
                            workload.identity->addresses_text()),
                "leave --address out");
  }
  if (kernel::namespace_id(workload.root.pid, "net") != kernel::namespace_id(::getpid(), "net")) {
    return only(what,
                "the workload does not live in this host's own network, but in a network namespace",
                workload.container
                    ? "leave --address out, or start the container in the network of the host"
                    : "leave --address out");
  }
  auto here = handover::find_host_address(wanted);
  if (!here && !is_named) return {};  // it came here with it, and somebody has taken it away since
  if (!here) return only(what, "this host does not have it", "`ip addr` shows those that it has");
  auto reasons = handover::reasons_to_stay(*here);
  for (auto& reason : other_users_of(*here, view)) reasons.push_back(std::move(reason));
  if (const auto why = handover::why_no_gate(wanted); !why.empty()) {
    reasons.push_back(
        {what,
         "this kernel cannot keep back what is sent from it (nf_tables, family netdev, egress): " +
             why,
         "load the module nf_tables, or use Linux 5.16 or later"});
  }
  workload.service = std::move(here);
  return reasons;
}

namespace {

bool is_own_socket(ino_t inode) {
  const auto target = fmt::format("socket:[{}]", inode);
  for (const auto& file : kernel::open_files(::getpid())) {
    if (file.target == target) return true;
  }
  return false;
}

}  // namespace

Reasons other_users_of(const HostAddress& here, const process::View& view) {
  Reasons reasons;
  process::Outsiders outsiders(view.tree);
  std::set<std::string> told;
  for (const auto& [socket, inode] : process::other_sockets_at(view, here.text())) {
    const auto holder = is_own_socket(inode)
                            ? std::optional<std::string>("this ferry")
                            : outsiders.holder_of(fmt::format("socket:[{}]", inode));
    if (!holder || !told.insert(*holder).second)
      continue;  // of none: the workload's own, newer than the view
    const bool is_way = *holder == "this ferry" || holder->starts_with("ssh ");
    reasons.push_back(
        {fmt::format("{} uses the address {}, too (port {}{})", *holder, here.text(), socket.port,
                     socket.listening
                         ? ""
                         : fmt::format(", connected to {}", process::plain_address(socket.remote))),
         is_way ? "a connection between hosts goes by it, and would break in the middle"
                : "it stays here, and would lose that address",
         is_way ? "let it go by another address of this host"
                : "end it, or let it use another address of this host"});
  }
  return reasons;
}

void describe(const HostAddress& here, wire::ServiceAddress& told) {
  told.set_address(here.entry.prefix.text());
  told.set_mac(here.mac.text());
  told.set_link(here.link);
  told.set_scope(here.entry.scope);
  told.set_deprecated((here.entry.flags & IFA_F_DEPRECATED) != 0);
  if (here.entry.broadcast) told.set_broadcast(here.entry.broadcast->text());
}

Reasons service_reasons(const wire::ServiceAddress& told) {
  const auto prefix = kernel::IpPrefix::parse(told.address());
  const auto what = fmt::format("the address {} is taken", prefix.address.text());
  if (handover::find_host_address(prefix.address))
    return only(what, "this host itself has it", kTakeItAway);
  for (const auto& other : capsule::all_records()) {
    const auto identity = capsule::is_running(other) ? runtime::identity_of(other) : std::nullopt;
    if (!identity) continue;
    for (const auto& own : identity->addresses) {
      if (own.address == prefix.address)
        return only(what, fmt::format("the workload {} on this host has it", other.name),
                    kTakeItAway);
    }
  }
  const auto place = place_of(told);
  if (!place)
    return only(fmt::format("the address {} cannot be here", prefix.address.text()),
                no_interface_for(told), kJoinIts);
  if (const auto why = handover::why_no_barrier(prefix.address); !why.empty()) {
    return only(fmt::format("the address {} cannot be here", prefix.address.text()),
                "this kernel cannot keep packets from it (nf_tables, family netdev): " + why,
                "load the module nf_tables, or use a kernel that has it");
  }
  auto claim = handover::claim_of(*place);
  claim.mac = kernel::MacAddr::parse(told.mac());
  const auto owners = handover::find_owners(place->link, claim, kServiceProbeLimit);
  for (const auto& other : owners.others) {
    return only(what,
                fmt::format("{} on {} answers for it, besides the source ({})", other.mac.text(),
                            place->link, told.mac()),
                kTakeItAway);
  }
  if (owners.itself) return {};
  return only(
      fmt::format("{} is not on the network segment of {}", place->link, prefix.address.text()),
      "the source does not answer there, so its clients could not reach it either",
      "join the interfaces of both hosts (a port, VLAN or tunnel of the same network)");
}

json to_note(const HostAddress& here) {
  return {{"link", here.link},
          {"mac", here.mac.text()},
          {"address", here.entry.prefix.text()},
          {"flags", here.entry.flags},
          {"scope", here.entry.scope},
          {"label", here.entry.label},
          {"broadcast", here.entry.broadcast ? here.entry.broadcast->text() : ""}};
}

HostAddress noted_host_address(const json& note) {
  HostAddress here{note.value("link", ""),
                   kernel::MacAddr::parse(note.value("mac", "")),
                   {0, kernel::IpPrefix::parse(note.value("address", ""))}};
  here.entry.flags = note.value("flags", 0u);
  here.entry.scope = note.value("scope", uint8_t{0});
  here.entry.label = note.value("label", "");
  if (const auto broadcast = note.value("broadcast", ""); !broadcast.empty())
    here.entry.broadcast = kernel::IpAddr::parse(broadcast);
  return here;
}

ServicePlace::ServicePlace(const wire::ServiceAddress& told) {
  auto place = place_of(told);
  if (!place)
    base::refuse(fmt::format("cannot take the address {}", told.address()), no_interface_for(told),
                 kJoinIts);
  here_ = std::move(*place);
}

std::optional<ServicePlace> ServicePlace::of(const Logbook& book) {
  const auto* note = book.find(kNoteService);
  if (!note || !book.same_boot)
    return std::nullopt;  // what this host has after its restart is for its own configuration to
                          // say
  ServicePlace place(noted_host_address(*note));
  place.is_on_ = note->value("is_on", false);
  return place;
}

json ServicePlace::note() const {
  json note = to_note(here_);
  note["is_on"] = is_on_;
  return note;
}

void ServicePlace::take_off() const {
  if (is_on_) handover::take_off(here_);
}

// Of IPv6 the kernel goes on sending from an address that has been taken off: the end of each connection.
void ServicePlace::end_connections() const noexcept {
  try {
    if (is_on_) kernel::destroy_tcp_connections_from(here_.address());
  } catch (const std::exception& failure) {
    base::log("connections from {}: {}", here_.text(), failure.what());
  }
}

}  // namespace ferry::migration
