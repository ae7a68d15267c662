// SPDX-License-Identifier: Apache-2.0
#include "runtime/launch.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/clock.h"
#include "base/error.h"
#include "capsule/spawn.h"
#include "handover/identity.h"

namespace ferry::runtime {
namespace {

handover::Identity make_identity(const LaunchRequest& request) {
  handover::Identity identity{kernel::IpPrefix::parse(request.ip), kernel::MacAddr::random_local(), {}};
  if (!request.gateway.empty()) identity.gateway = kernel::IpAddr::parse(request.gateway);
  for (const auto& own : kernel::Netlink().addresses()) {
    if (own.prefix.address == identity.address.address) {
      base::refuse(fmt::format("cannot give {} the address {}", request.name, request.ip), "this host itself has it");
    }
  }
  for (const auto& other : capsule::all_records()) {
    if (!capsule::is_running(other) || other.ip.empty()) continue;
    if (kernel::IpPrefix::parse(other.ip).address == identity.address.address) {
      base::refuse(fmt::format("cannot give {} the address {}", request.name, request.ip), other.name + " has it");
    }
  }
  return identity;
}

void check_name_is_free(const std::string& name) {
  capsule::check_name(name);
  const auto earlier = capsule::find_record(name);
  if (earlier && capsule::is_running(*earlier)) {
    base::refuse(fmt::format("cannot start {}", name), "a workload of that name is running",
                 fmt::format("choose another --name, or `ferry stop {}` first", name));
  }
}

}  // namespace

capsule::Record launch(const LaunchRequest& request) {
  check_name_is_free(request.name);
  if (request.ip.empty() && !request.gateway.empty()) {
    throw base::Error({"--gateway needs --ip", "", "", {}, {}}, base::Exit::kUsage);
  }
  const auto lock = capsule::Lock::take(request.name, "run");
  std::optional<handover::Identity> identity;
  if (!request.ip.empty()) identity = make_identity(request);

  capsule::remove_record(request.name);
  std::filesystem::create_directories(capsule::directory_of(request.name));
  const auto freezer = kernel::Freezer::create(request.name);
  capsule::Capsule capsule =
      capsule::Capsule::start({request.name, identity.has_value(), kernel::own_time_offsets(), 0});
  try {
    if (identity) {
      const auto netns = kernel::open_namespace(capsule.init().pid, "net");
      handover::Port::create(netns.get(), request.name, *identity).open();
      handover::Announcer(netns.get(), *identity).announce();
    }
    capsule::Record record;
    record.name = request.name;
    record.command = fmt::format("{}", fmt::join(request.command, " "));
    record.created_ns = base::real_ns();
    record.init = capsule.init();
    if (identity) {
      record.ip = identity->address.text();
      record.mac = identity->mac.text();
      record.gateway = request.gateway;
    }
    record.root_pid = capsule.launch(request.command, freezer, capsule::log_of(request.name));
    capsule::save_record(record);
    return record;
  } catch (...) {
    capsule.destroy();
    freezer.remove();
    capsule::remove_record(request.name);
    throw;
  }
}

}  // namespace ferry::runtime
