// SPDX-License-Identifier: Apache-2.0
#include "migration/network_place.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/error.h"
#include "handover/attached.h"
#include "handover/attachment.h"
#include "handover/network_barrier.h"
#include "handover/segment_barrier.h"
#include "kernel/named_network.h"
#include "kernel/procfs.h"
#include "migration/plan.h"
#include "runtime/container_network.h"
#include "runtime/defining_engine.h"
#include "runtime/network_hooks.h"

namespace ferry::migration {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

bool is_there(const base::Path& name) {
  std::error_code none;
  return fs::exists(fs::symlink_status(name, none));
}

base::Path name_in(const wire::EngineContainer& told) {
  const auto configuration = json::parse(told.configuration(), nullptr, false);
  return configuration.is_object() ? runtime::network_name(configuration) : base::Path();
}

// Its engine makes it, and the namespace, too.
bool is_on_engines_network(const wire::EngineContainer& told) {
  const auto configuration = json::parse(told.configuration(), nullptr, false);
  return configuration.is_object() && configuration.contains(runtime::DefiningEngine::kNetworksThere);
}

// Who has it, or has put something into it, has plans of his own.
std::string use_of(const base::Path& name) {
  struct stat here {};
  if (::stat(name.c_str(), &here) < 0) return "it cannot be read";
  if (const pid_t guest = runtime::guest_of(here.st_ino, 0); guest != 0)
    return fmt::format("the process {} ({}) is in it", guest, kernel::comm_of(guest));
  std::string links;
  kernel::in_network_namespace(base::open_file(name, O_RDONLY).get(), [&] {
    for (const auto& link : kernel::Netlink().links()) {
      if (link.name != "lo" && (link.up || link.kind == "veth" || link.kind == "macvlan"))
        links += (links.empty() ? "" : ", ") + link.name;
    }
  });
  return links.empty() ? "" : fmt::format("it has links already ({})", links);
}

}  // namespace

std::optional<NetworkPlace> NetworkPlace::of(const wire::Plan& plan) {
  NetworkPlace place;
  if (runtime::oci_engine(plan.container().engine())->has_daemon()) {
    if (!plan.container().own_network()) return std::nullopt;
    place.is_by_engine_ = true;
    place.is_relayed_ = plan.has_relay();
    if (!plan.has_identity()) return place;
    place.identity_ = identity_from(plan.identity());
    place.attachment_ = attachment_for(plan.identity(), plan.name());
    place.attachment_->link = {};  // as the daemon calls it
    return place;
  }
  if (plan.has_relay() && !plan.has_identity()) {
    place.is_by_engine_ = place.is_whole_by_engine_ = place.is_relayed_ = true;
    return place;
  }
  place.name_ = name_in(plan.container());
  if (plan.has_identity()) {
    place.identity_ = identity_from(plan.identity());
    place.attachment_ = attachment_for(plan.identity(), plan.name());
  }
  if (place.identity_ && is_on_engines_network(plan.container())) {
    place.is_by_engine_ = place.is_whole_by_engine_ = true;
    place.attachment_->link = {};  // as the engine calls it
    place.barrier_ = "ferry-" + plan.job();
    return place;
  }
  if (!place.identity_ && place.name_.empty()) return std::nullopt;
  place.name_is_new_ = !place.name_.empty() && !is_there(place.name_);
  return place;
}

std::optional<NetworkPlace> NetworkPlace::from(const json& note) {
  if (!note.is_object()) return std::nullopt;
  NetworkPlace place;
  place.name_ = note.value("name", "");
  place.name_is_new_ = note.value("name_is_new", false);
  place.is_by_engine_ = note.value("is_by_engine", false);
  place.barrier_ = note.value("barrier", "");
  if (note.contains("identity")) place.identity_ = noted_identity(note["identity"]);
  if (note.contains("attachment")) place.attachment_ = noted_attachment(note["attachment"]);
  return place;
}

json NetworkPlace::note() const {
  json note = {
      {"name", name_.string()}, {"name_is_new", name_is_new_}, {"is_by_engine", is_by_engine_},
      {"barrier", barrier_}};
  if (identity_) note["identity"] = to_note(*identity_);
  if (attachment_) note["attachment"] = to_note(*attachment_);
  return note;
}

process::Reasons NetworkPlace::reasons_against(const wire::EngineContainer& told) {
  const auto name = name_in(told);
  if (name.empty()) return {};
  if (!name.is_absolute() || name != name.lexically_normal() || !name.has_filename()) {
    return {{fmt::format("the network namespace {} cannot be", name.string()),
             "that is no absolute path", "write it as /run/netns/NAME in its config.json"}};
  }
  if (!is_there(name)) return {};
  const std::string remedy = fmt::format(
      "take it away there, and ferry makes it (`ip netns del {}`)", name.filename().string());
  if (!kernel::is_network(name))
    return {
        {fmt::format("{} is there already", name.string()), "it is no network namespace", remedy}};
  if (const auto use = use_of(name); !use.empty())
    return {{fmt::format("the network namespace {} is in use here", name.string()), use, remedy}};
  return {};
}

base::Fd NetworkPlace::make() const {
  if (!barrier_.empty())
    handover::SegmentBarrier(barrier_).shut(attachment_->segment, identity_->mac);
  if (is_whole_by_engine_) return {};
  if (!name_.empty() && !name_is_new_) return base::open_file(name_, O_RDONLY | O_CLOEXEC);
  auto made = kernel::make_network();
  if (is_by_engine_ && (identity_ || is_relayed_)) handover::NetworkBarrier(made.get()).shut();
  if (!name_.empty()) kernel::name_network(made.get(), name_);
  return made;
}

base::Fd NetworkPlace::find(const runtime::OciContainer& container) {
  const auto name = runtime::network_name(runtime::read_configuration(container.bundle));
  if (!name.empty() && kernel::is_network(name)) return base::open_file(name, O_RDONLY | O_CLOEXEC);
  throw base::Error({fmt::format("cannot find the network of {}", container.text()),
                     fmt::format("{} has written none into its config.json", container.engine), "report its version", {}, {}});
}

// Behind the barrier: the original is at work under the same MAC and addresses, or else clients of ports that are published here
// may come before it runs.
void NetworkPlace::fill(int netns, const runtime::OciContainer& container) {
  if (!is_whole_by_engine_) runtime::run_network_hooks(container, netns);
  if (!identity_ && !is_relayed_) return;
  const auto found = handover::find_attached(netns);
  if (is_relayed_) identity_ = found.identity;  // whatever it is
  const auto has = [&](const kernel::IpPrefix& address) {
    return found.identity && std::ranges::find(found.identity->addresses, address) != found.identity->addresses.end();
  };
  if (!found.identity || !identity_ || !(found.identity->mac == identity_->mac) || !std::ranges::all_of(identity_->addresses, has)) {
    throw base::Error({fmt::format("{} has not given {} its network again", container.engine, container.text()),
                       found.identity ? fmt::format("it is {} ({}) there, not {} ({})", found.identity->addresses_text(), found.identity->mac.text(),
                                                    identity_->addresses_text(), identity_->mac.text())
                       : found.reasons.empty() ? "it has no link there" : found.reasons[0].what,
                       "give its network there the same driver and subnet", {}, {}});
  }
  if (!barrier_.empty() && found.attachment.segment != attachment_->segment) {
    throw base::Error({fmt::format("{} has not given {} its network again", container.engine, container.text()),
                       fmt::format("it is on {} here, and its address is in {}", found.attachment.segment, attachment_->segment),
                       "give its network there the bridge of that name", {}, {}});
  }
  attachment_ = found.attachment;
  if (attachment_->is_macvlan()) return;  // the barrier is its gate
  handover::Port(*attachment_).shut();
  if (!barrier_.empty()) return handover::SegmentBarrier(barrier_).open();
  handover::NetworkBarrier(netns).open();
}

void NetworkPlace::remove() const {
  if (!barrier_.empty()) handover::SegmentBarrier(barrier_).open();
  if (is_by_engine_) return;  // the engine's
  if (attachment_) {
    const bool is_here = !name_.empty() && kernel::is_network(name_);
    handover::remove_link(*attachment_, *identity_,
                          is_here ? base::open_file(name_, O_RDONLY) : base::Fd());
  }
  if (name_is_new_) kernel::forget_network(name_);
}

handover::Attachment attachment_for(const wire::Identity& told, const std::string& name) {
  const kernel::Netlink host;
  const auto identity = identity_from(told);
  if (told.macvlan_mode() != 0)
    return {"", handover::find_parent(host, told.segment(), identity), told.macvlan_mode()};
  const auto same = host.find_link(told.segment());
  const bool fits = same && same->kind == "bridge";
  return {handover::host_link_of(name), fits ? same->name : handover::find_bridge(host, identity)};
}

json to_note(const handover::Identity& identity) {
  return {{"addresses", identity.addresses_text()},
          {"mac", identity.mac.text()},
          {"link", identity.link}};
}

handover::Identity noted_identity(const json& note) {
  auto identity = handover::parse_identity(note.value("addresses", ""),
                                           kernel::MacAddr::parse(note.value("mac", "")), "");
  identity.link = note.value("link", identity.link);
  return identity;
}

json to_note(const handover::Attachment& attachment) {
  return {{"link", attachment.link},
          {"segment", attachment.segment},
          {"macvlan_mode", attachment.macvlan_mode}};
}

handover::Attachment noted_attachment(const json& note) {
  return {note.value("link", ""), note.value("segment", ""), note.value("macvlan_mode", 0u)};
}

}  // namespace ferry::migration
