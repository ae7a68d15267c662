// SPDX-License-Identifier: Apache-2.0
#include "runtime/launch.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/clock.h"
#include "base/error.h"
#include "capsule/spawn.h"
#include "handover/identity.h"

namespace ferry::runtime {

void require_free_address(const std::string& name, const kernel::IpPrefix& address) {
  const auto what = fmt::format("cannot give {} the address {}", name, address.text());
  for (const auto& own : kernel::Netlink().addresses()) {
    if (own.prefix.address == address.address) base::refuse(what, "this host itself has it");
  }
  for (const auto& other : capsule::all_records()) {
    if (!capsule::is_running(other) || other.ip.empty()) continue;
    if (kernel::IpPrefix::parse(other.ip).address == address.address) base::refuse(what, other.name + " has it");
  }
}

namespace {

handover::Identity make_identity(const LaunchRequest& request) {
  handover::Identity identity{kernel::IpPrefix::parse(request.ip), kernel::MacAddr::random_local(), {}};
  if (!request.gateway.empty()) identity.gateway = kernel::IpAddr::parse(request.gateway);
  require_free_address(request.name, identity.address);
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
    handover::Port::create(netns.get(), request.name, *identity).open();
    handover::Announcer(netns.get(), *identity).announce();
    record.ip = identity->address.text();
    record.mac = identity->mac.text();
    record.gateway = request.gateway;
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
