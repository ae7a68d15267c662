// SPDX-License-Identifier: Apache-2.0
#include "runtime/launch.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/clock.h"
#include "base/error.h"
#include "capsule/spawn.h"
#include "handover/identity.h"
#include "runtime/workload.h"

namespace ferry::runtime {

bool has_address(const capsule::Record& record, const kernel::IpAddr& address) {
  const auto identity = identity_of(record);
  return identity && std::ranges::any_of(identity->addresses, [&](const auto& own) { return own.address == address; });
}

void require_free_addresses(const std::string& name, const handover::Identity& identity) {
  const auto known = kernel::Netlink().addresses();
  for (const auto& [address, length] : identity.addresses) {
    const auto what = fmt::format("cannot give {} the address {}/{}", name, address.text(), length);
    for (const auto& own : known) {
      if (own.prefix.address == address) base::refuse(what, "this host itself has it");
    }
    for (const auto& other : capsule::all_records()) {
      if (capsule::is_running(other) && has_address(other, address)) base::refuse(what, other.name + " has it");
    }
  }
}

namespace {

handover::Identity make_identity(const LaunchRequest& request) {
  auto identity = handover::parse_identity(request.ip, kernel::MacAddr::random_local(), request.gateway);
  require_free_addresses(request.name, identity);
  return identity;
}

void require_free_name(const std::string& name) {
  const auto earlier = capsule::find_record(name);
  if (earlier && capsule::is_running(*earlier)) {
    base::refuse(fmt::format("cannot start {}", name), "a workload of that name is running",
                 fmt::format("choose another --name, or `ferry stop {}` first", name));
  }
}

capsule::Record start_in(capsule::Capsule& capsule, const LaunchRequest& request,
                         const std::optional<handover::Identity>& identity, const kernel::Freezer& freezer) {
  capsule::Record record;
  record.name = request.name;
  record.command = fmt::format("{}", fmt::join(request.command, " "));
  record.created_ns = base::real_ns();
  record.init = capsule.init();
  if (identity) {
    const auto netns = kernel::open_namespace(capsule.init().pid, "net");
    handover::Port::create(netns.get(), handover::attachment_of(request.name, *identity), *identity).open();
    handover::Announcer(netns.get(), *identity).announce();
    record.ip = identity->addresses_text();
    record.mac = identity->mac.text();
    record.gateway = identity->gateways_text();
  }
  record.root_pid = capsule.launch(request.command, freezer, capsule::log_of(request.name));
  capsule::save_record(record);
  return record;
}

}  // namespace

capsule::Record launch(const LaunchRequest& request) {
  capsule::check_name(request.name);
  if (request.ip.empty() && !request.gateway.empty()) {
    throw base::Error({"--gateway needs --ip", "", "", {}, {}}, base::Exit::kUsage);
  }
  const auto lock = capsule::Lock::take(request.name, "run");
  require_free_name(request.name);
  std::optional<handover::Identity> identity;
  if (!request.ip.empty()) identity = make_identity(request);

  capsule::remove_record(request.name);
  std::filesystem::create_directories(capsule::directory_of(request.name));
  const auto freezer = kernel::Freezer::create_empty(request.name);
  std::optional<capsule::Capsule> capsule;
  try {
    capsule::Spec spec{.name = request.name, .own_network = identity.has_value(), .own_ipc = true};
    spec.time_offsets = kernel::own_time_offsets();
    capsule = capsule::Capsule::start(spec);
    return start_in(*capsule, request, identity, freezer);
  } catch (...) {
    if (capsule) capsule->destroy();
    freezer.remove();
    capsule::remove_record(request.name);
    throw;
  }
}

}  // namespace ferry::runtime
