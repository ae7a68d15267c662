// SPDX-License-Identifier: Apache-2.0
#include "migration/plan.h"

#include <fmt/format.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sys/socket.h>

#include <nlohmann/json.hpp>

#include "kernel/cgroup_limits.h"
#include "kernel/cgroup_tree.h"
#include "migration/check.h"
#include "migration/conversation.h"
#include "migration/host.h"
#include "migration/service_place.h"
#include "runtime/defining_engine.h"

namespace ferry::migration {

using base::milliseconds;

namespace {

constexpr milliseconds kTargetAnswers{5'000};
constexpr int kClockProbes = 8;

}  // namespace

Subject find_subject(const MoveOptions& options) {
  Subject subject;
  subject.workload = runtime::find_workload(options.what, options.arrival_name, options.engine_root);
  subject.engine_there = engine_there(options);
  auto& workload = subject.workload;
  subject.view = process::look_at(process::read_tree(workload.root.pid));
  subject.memory = memory_need(subject.view.tree);
  refuse_if_any(workload.name, own_reasons(options, subject.view, subject.memory, workload));
  subject.connections = process::connections_of(subject.view);
  // A container's files travel with its root filesystem.
  if (!workload.container) subject.files = process::written_files(subject.view.tree);
  // Also of a bare tree that has moved before: its session's leader stayed behind.
  subject.state = {kernel::session_of(workload.root.pid) != workload.root.pid, options.tcp == process::TcpPolicy::kClose};
  return subject;
}

kernel::TimeOffsets measure_clocks(Conversation& conversation) {
  kernel::TimeOffsets target_ahead;
  wire::ToTarget probe;
  probe.mutable_clock_probe();
  int64_t shortest = INT64_MAX;
  for (int i = 0; i < kClockProbes; ++i) {
    const int64_t before = base::mono_ns(), boot = base::clock_ns(CLOCK_BOOTTIME);
    conversation.send(probe);
    const auto answer = conversation.receive_from_target(kTargetAnswers, "its clock").clock();
    const int64_t round_trip = base::mono_ns() - before;
    if (round_trip >= shortest) continue;
    shortest = round_trip;
    target_ahead = {answer.monotonic_ns() - (before + round_trip / 2), answer.boottime_ns() - (boot + round_trip / 2)};
  }
  return target_ahead;
}

// A directory that is alike on both hosts need be said once.
EngineThere engine_there(const MoveOptions& options) {
  return {options.target_engine_root.empty() ? options.engine_root : options.target_engine_root, options.target_engine_environment};
}

wire::EngineContainer to_wire(const runtime::Workload& workload, const EngineThere& there) {
  const auto& container = *workload.container;
  const auto engine = runtime::defining_engine(container.engine);
  wire::EngineContainer told;
  told.set_engine(container.engine);
  told.set_engine_version(runtime::oci_engine(container.engine)->version());
  told.set_id(container.id);
  told.set_bundle(container.bundle.string());
  told.set_name(container.name);
  told.set_root(there.root);
  told.mutable_environment()->Assign(there.environment.begin(), there.environment.end());
  told.set_configuration(engine ? engine->definition(container, workload.identity) : runtime::read_configuration(container.bundle).dump(2));
  told.set_own_network(workload.network.is_given);
  told.set_loopback(workload.network.has_loopback);
  for (const auto& limit : kernel::limits_of(kernel::cgroup_path_of(container.cgroup))) {
    auto& one = *told.add_limits();
    one.set_file(limit.file);
    one.set_value(limit.value);
  }
  for (const auto& bind : workload.binds) {
    auto& one = *told.add_binds();
    one.set_path(bind.path.string());
    one.set_never_sent(bind.never_sent);
    one.set_sent(bind.is_sent);
    one.set_directory(bind.is_directory);
    one.set_bytes(bind.bytes);
    one.set_print(bind.print);
  }
  if (!engine) return told;
  const auto image = engine->image_of(container);
  told.set_image_id(image.id);
  told.set_image_name(image.name);
  return told;
}

void describe_address(const runtime::Workload& workload, wire::Identity& told) {
  const auto& identity = *workload.identity;
  told.set_address(identity.addresses_text());
  told.set_mac(identity.mac.text());
  told.set_gateway(identity.gateways_text());
  if (!workload.container) return;
  told.set_link(identity.link);
  told.set_mtu(identity.mtu);
  told.set_segment(workload.network.attachment.segment);
  told.set_macvlan_mode(workload.network.attachment.macvlan_mode);
  for (const auto& route : identity.routes) {
    auto& one = *told.add_routes();
    one.set_to(route.to.text());
    if (route.gateway) one.set_gateway(route.gateway->text());
    one.set_metric(route.metric);
  }
}

namespace {

void describe_service(const handover::HostAddress& here, wire::ServiceAddress& told) {
  describe(here, told);
  const kernel::Netlink host;
  const auto link = host.find_link(here.link);
  for (const auto& known : host.neighbours()) {
    if (!link || known.link != link->index || known.address.family() != here.address().family()) continue;
    auto& neighbour = *told.add_neighbours();
    neighbour.set_address(known.address.text());
    neighbour.set_mac(known.mac.text());
  }
}

void describe_identity(const runtime::Workload& workload, wire::Identity& told) {
  describe_address(workload, told);
  const auto netns = kernel::open_namespace(workload.root.pid, "net");
  for (const auto& known : handover::neighbours_in(netns.get())) {
    auto& neighbour = *told.add_neighbours();
    neighbour.set_address(known.address.text());
    neighbour.set_mac(known.mac.text());
  }
}

// Of an address that moves: those of others end here, where their peers look for them.
std::vector<process::InetSocket> moving_connections(const Subject& subject) {
  if (subject.workload.identity) return subject.connections;
  std::vector<process::InetSocket> moving;
  if (!subject.workload.service) return moving;
  for (const auto& one : subject.connections) {
    if (process::plain_address(one.address) == subject.workload.service->text()) moving.push_back(one);
  }
  return moving;
}

void describe_ended(const std::vector<process::InetSocket>& connections, wire::Plan& plan) {
  for (const auto& one : connections) {
    auto& told = *plan.add_ended();
    told.set_address(process::plain_address(one.address));
    told.set_port(one.port);
    told.set_remote(process::plain_address(one.remote));
    told.set_remote_port(one.remote_port);
  }
}

}  // namespace

wire::Plan make_plan(const Subject& subject, const std::string& job, const kernel::TimeOffsets& target_ahead) {
  const auto& workload = subject.workload;
  wire::Plan plan;
  plan.set_job(job);
  plan.set_name(workload.name);
  plan.set_command(workload.command);
  plan.set_source_host(host_name());
  plan.set_source_id(host_id());
  plan.set_root_pid(kernel::inner_pid(workload.root.pid).value_or(0));
  plan.set_last_pid(process::pid_gap(process::inner_tids(subject.view.tree)));
  plan.set_memory_bytes(subject.memory.whole);
  plan.set_image_bytes(subject.memory.images);
  const auto theirs = workload.time_offsets(), ours = kernel::own_time_offsets();
  plan.set_monotonic_shift_ns(theirs.monotonic_ns - ours.monotonic_ns - target_ahead.monotonic_ns);
  plan.set_boottime_shift_ns(theirs.boottime_ns - ours.boottime_ns - target_ahead.boottime_ns);
  plan.set_tcp_close(subject.state.tcp_close);
  plan.set_shell_job(subject.state.shell_job);
  if (subject.state.tcp_close) describe_ended(moving_connections(subject), plan);
  for (const auto& path : subject.files) plan.add_files()->set_path(path);
  if (workload.identity) describe_identity(workload, *plan.mutable_identity());
  if (workload.service) describe_service(*workload.service, *plan.mutable_service());
  if (workload.container) *plan.mutable_container() = to_wire(workload, subject.engine_there);
  if (const auto& published = workload.network.published) {
    plan.mutable_relay()->set_address(published->inside.addresses_text());
    const auto ports = handover::texts_of(published->ports);
    plan.mutable_relay()->mutable_ports()->Assign(ports.begin(), ports.end());
  }
  *plan.mutable_requirements() = gather_requirements(workload, subject.view, subject.files, subject.memory);
  return plan;
}

handover::Identity identity_from(const wire::Identity& told) {
  auto identity = handover::parse_identity(told.address(), kernel::MacAddr::parse(told.mac()), told.gateway());
  if (!told.link().empty()) identity.link = told.link();
  if (told.mtu() < 0 || identity.link.size() >= IFNAMSIZ) throw BrokenProtocol("an impossible link");
  if (told.macvlan_mode() > MACVLAN_MODE_BRIDGE) throw BrokenProtocol("an impossible macvlan");
  identity.mtu = told.mtu();
  for (const auto& route : told.routes()) {
    auto& one = identity.routes.emplace_back();
    one.to = kernel::IpPrefix::parse(route.to());
    if (!route.gateway().empty()) one.gateway = kernel::IpAddr::parse(route.gateway());
    one.metric = route.metric();
  }
  return identity;
}

void describe(const std::vector<process::SocketSettings>& sockets, wire::Restore& told) {
  for (const auto& socket : sockets) {
    auto& one = *told.add_sockets();
    one.set_pid(socket.pid);
    one.set_fd(socket.fd);
    for (const auto& option : socket.options) {
      auto& named = *one.add_options();
      named.set_name(option.name);
      named.mutable_values()->Assign(option.values.begin(), option.values.end());
    }
  }
}

process::SocketSettings settings_from(const wire::SocketSettings& told) {
  process::SocketSettings settings{told.pid(), told.fd(), {}};
  for (const auto& option : told.options()) {
    settings.options.push_back({option.name(), {option.values().begin(), option.values().end()}});
  }
  return settings;
}

std::vector<handover::Flow> ended_from(const wire::Plan& plan) {
  std::vector<handover::Flow> flows;
  for (const auto& one : plan.ended()) {
    flows.push_back({kernel::IpAddr::parse(one.address()), kernel::IpAddr::parse(one.remote()), static_cast<uint16_t>(one.port()),
                     static_cast<uint16_t>(one.remote_port())});
  }
  return flows;
}

std::vector<handover::KnownNeighbour> neighbours_from(const google::protobuf::RepeatedPtrField<wire::Neighbour>& told) {
  std::vector<handover::KnownNeighbour> neighbours;
  for (const auto& one : told) {
    neighbours.push_back({kernel::IpAddr::parse(one.address()), kernel::MacAddr::parse(one.mac())});
  }
  return neighbours;
}

}  // namespace ferry::migration
