// SPDX-License-Identifier: Apache-2.0
#include "migration/container_check.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "migration/container_source.h"
#include "migration/host.h"
#include "process/connections.h"

namespace ferry::migration {

namespace {

std::string machine() {
  utsname names{};
  ::uname(&names);
  return names.machine;
}

void add_connection_reasons(runtime::Backend& engine, const runtime::Container& container, const process::View& view,
                            process::TcpPolicy tcp, process::Reasons& reasons) {
  const auto connections = process::connections_of(view);
  if (connections.empty()) return;
  if (tcp == process::TcpPolicy::kRefuse) {
    reasons.push_back({process::list_of(connections), "a container with open TCP connections is not to be moved (--tcp refuse)",
                       "move it when they have ended"});
  }
  const auto lack = engine.why_connections_stay(container);
  if (!lack.what.empty()) {
    reasons.push_back({fmt::format("it has {} open connections, and {}", connections.size(), lack.what), lack.why, lack.remedy});
  }
}

// A name that means another image there keeps meaning it: ours comes without a name then.
bool image_by_name(runtime::Backend& engine, const wire::ContainerPlan& plan) {
  if (plan.image_name().empty() || plan.image_name() == plan.image_id()) return false;
  const auto here = engine.image_of_name(plan.image_name());
  return here.empty() || here == plan.image_id();
}

}  // namespace

runtime::Container require_container(runtime::Backend& engine, const runtime::ContainerName& name) {
  auto found = engine.find(name.name);
  if (!found) {
    base::refuse(fmt::format("cannot move {}", name.text()), fmt::format("{} has no container of that name here", name.engine),
                 fmt::format("`{} ps` shows those that run", name.engine));
  }
  return std::move(*found);
}

size_t count_connections(const runtime::Container& container) {
  if (container.root_pid <= 0) return 0;
  return process::connections_of(process::look_at(process::read_tree(container.root_pid))).size();
}

process::Reasons container_reasons(runtime::Backend& engine, const runtime::Container& container, process::TcpPolicy tcp) {
  auto reasons = engine.host_reasons();
  for (auto& reason : engine.own_reasons(container)) reasons.push_back(std::move(reason));
  if (container.root_pid <= 0) return reasons;
  const auto view = process::look_at(process::read_tree(container.root_pid));
  if (view.holds(::getpid())) {
    reasons.push_back({"this ferry itself runs in it", "it would freeze itself", "call ferry from outside the container"});
  }
  add_connection_reasons(engine, container, view, tcp, reasons);
  return reasons;
}

wire::ContainerPlan make_container_plan(runtime::Backend& engine, const runtime::ContainerName& name,
                                        const runtime::Container& container) {
  const auto facts = engine.facts();
  wire::ContainerPlan plan;
  plan.set_engine(name.engine);
  plan.set_name(container.name);
  plan.set_command(container.command);
  plan.set_source_host(host_name());
  plan.set_source_id(host_id());
  plan.set_image_id(container.image_id);
  plan.set_image_name(container.image_name);
  plan.set_configuration(container.configuration.dump());
  plan.set_engine_version(facts.version);
  plan.set_criu_version(facts.criu_version);
  plan.set_storage(facts.storage);
  plan.set_machine(machine());
  return plan;
}

Findings look_here(runtime::Backend& engine, const wire::ContainerPlan& plan) {
  Findings findings;
  findings.reasons = to_itself(plan.source_id());
  if (!findings.reasons.empty()) return findings;
  findings.reasons = engine.host_reasons();
  if (!findings.reasons.empty()) return findings;
  const auto configuration = nlohmann::json::parse(plan.configuration());
  findings.reasons = engine.arrival_reasons(plan.name(), configuration);
  if (plan.machine() != machine()) {
    findings.reasons.push_back({fmt::format("this host is {}", machine()), fmt::format("the container runs on {}", plan.machine()),
                                "choose a host of the same kind"});
  }
  const auto facts = engine.facts();
  if (facts.storage != plan.storage()) {
    findings.reasons.push_back({fmt::format("{} stores containers by {} here", plan.engine(), facts.storage),
                                fmt::format("what the container has written is stored by {} there", plan.storage()),
                                "use the same storage driver on both hosts"});
  }
  if (facts.version != plan.engine_version()) {
    findings.warnings.push_back(fmt::format("{} is {} here and {} there", plan.engine(), facts.version, plan.engine_version()));
  }
  if (facts.criu_version != plan.criu_version()) {
    findings.warnings.push_back(fmt::format("CRIU is {} here and {} there", facts.criu_version, plan.criu_version()));
  }
  return findings;
}

wire::ContainerReady ready_for(runtime::Backend& engine, const wire::ContainerPlan& plan) {
  wire::ContainerReady ready;
  ready.set_host(host_name());
  ready.set_needs_image(!engine.has_image(plan.image_id()));
  ready.set_image_by_name(image_by_name(engine, plan));
  return ready;
}

CheckReport check_container(const MoveOptions& options, const Observer& observer) {
  const auto name = runtime::parse_container(options.what).value();
  const auto engine = runtime::backend_for(name);
  const auto container = require_container(*engine, name);
  CheckReport report;
  report.name = name.text();
  report.source = host_name();
  report.own = container_reasons(*engine, container, options.tcp);
  report.tcp = options.tcp;
  report.connections = count_connections(container);
  if (options.destination.empty() || !engine->host_reasons().empty()) return report;
  wire::ToTarget question;
  *question.mutable_container_inquiry()->mutable_plan() = make_container_plan(*engine, name, container);
  ask_for_verdict(options, observer, question, report);
  return report;
}

wire::ToSource answer_inquiry(const wire::ContainerInquiry& inquiry) {
  const auto& plan = inquiry.plan();
  const auto name = runtime::parse_container(plan.engine() + ":" + plan.name());
  if (!name) throw BrokenProtocol("an inquiry for no container");
  return verdict_of(look_here(*runtime::backend_for(*name), plan));
}

}  // namespace ferry::migration
