// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/units.h"
#include "cli/checking.h"
#include "cli/interrupt.h"
#include "cli/verbs.h"
#include "kernel/netlink.h"
#include "migration/check.h"
#include "runtime/container_name.h"

namespace ferry::cli {

using migration::MoveOptions;

namespace {

struct Arguments {
  MoveOptions move;
  std::string port_range, tcp = "keep";
  bool json = false;
};

nlohmann::ordered_json unasked(const MoveOptions& options, const base::Error& failure) {
  return {{"name", options.what}, {"can_move", false}, {"error", to_json(failure.explanation())}};
}

void print_reasons(const process::Reasons& reasons, const std::string& where) {
  if (reasons.empty()) return;
  fmt::print("{}\n", where);
  for (const auto& reason : reasons) fmt::print("  - {}\n", migration::text_of(reason));
}

void print_text(const migration::CheckReport& report) {
  const std::string there = report.target.empty() ? "" : " to " + report.target;
  fmt::print("{} {} move{}\n", report.name, report.can_move() ? "can" : "cannot", there);
  print_reasons(report.own, fmt::format("the workload, on {}:", report.source));
  print_reasons(report.there, fmt::format("on {}:", report.target));
  for (const auto& warning : report.warnings) fmt::print("  mind, on {}: {}\n", report.target, warning);
  for (const auto& bind : report.binds) fmt::print("  {} ({}) would be sent\n", bind.path.string(), base::format_bytes(bind.bytes));
  if (report.can_move() && report.connections > 0) {
    fmt::print("  {} open TCP connection{} {}\n", report.connections, report.connections == 1 ? "" : "s",
               report.tcp == process::TcpPolicy::kClose ? "would end" : "would go along");
  }
}

base::Exit run(Arguments& arguments) {
  require_root("check");
  auto& options = arguments.move;
  if (!options.destination.empty()) transport::parse_destination(options.destination);
  if (!arguments.port_range.empty()) options.ports = transport::parse_port_range(arguments.port_range);
  options.tcp = process::parse_tcp_policy(arguments.tcp);
  check_address(options.address);
  check_binds(options);
  check_engine_options(options);
  const Interrupt interrupt;
  options.wake_fd = interrupt.fd();
  return check_and_print(options, arguments.json);
}

}  // namespace

nlohmann::ordered_json to_json(const base::Explanation& error) {
  return {{"what", error.what}, {"why", error.why}, {"remedy", error.remedy}, {"host", error.host}, {"log", error.log}};
}

nlohmann::ordered_json reasons_to_json(const migration::CheckReport& report) {
  auto reasons = nlohmann::ordered_json::array();
  const auto add = [&](const process::Reasons& some, const std::string& host) {
    for (const auto& one : some) {
      reasons.push_back({{"host", host}, {"what", one.what}, {"why", one.why}, {"remedy", one.remedy}});
    }
  };
  add(report.own, report.source);
  add(report.there, report.target);
  return reasons;
}

nlohmann::ordered_json to_json(const migration::CheckReport& report) {
  auto binds = nlohmann::ordered_json::array();
  for (const auto& bind : report.binds) binds.push_back({{"path", bind.path.string()}, {"bytes", bind.bytes}});
  return {{"name", report.name},
          {"source", report.source},
          {"target", report.target},
          {"can_move", report.can_move()},
          {"reasons", reasons_to_json(report)},
          {"warnings", report.warnings},
          {"memory_bytes", report.memory_bytes},
          {"binds", binds},
          {"tcp", {{"policy", name_of(report.tcp)}, {"connections", report.connections}}}};
}

CLI::Option* add_tcp_option(CLI::App& verb, std::string& tcp) {
  return verb
      .add_option("--tcp", tcp,
                  "open TCP connections: keep (they go along with an address of its own; without one the move is refused), "
                  "close (they end), refuse (do not move while there are any)")
      ->check(CLI::IsMember(std::vector<std::string>(std::begin(process::kTcpPolicyNames), std::end(process::kTcpPolicyNames))))
      ->capture_default_str();
}

CLI::Option* add_address_option(CLI::App& verb, std::string& address) {
  return verb.add_option("--address", address,
                         "of a workload of this host's own network: an address of the host by which its clients reach it, and which moves with it "
                         "(default: the one that it came here with, if any; none: that stays)");
}

CLI::Option* add_with_bind_option(CLI::App& verb, std::vector<std::string>& paths) {
  return verb
      .add_option("--with-bind", paths,
                  "of a container: send what is in this directory or file of the host, too, which is mounted into it (several times); nothing that "
                  "the target has is overwritten")
      ->allow_extra_args(false);
}

void check_binds(const MoveOptions& options) {
  if (options.with_binds.empty() || runtime::parse_container(options.what)) return;
  throw base::Error({"--with-bind is for containers", "other workloads have the files of their host", "say runc:, crun:, podman: or docker: and its name", {}, {}},
                    base::Exit::kUsage);
}

void check_address(const std::string& address) {
  if (address.empty() || address == migration::kNoAddress) return;
  const auto wrong = [&](const std::string& why, const std::string& remedy) {
    return base::Error({fmt::format("--address {} cannot be", address), why, remedy, {}, {}}, base::Exit::kUsage);
  };
  if (address.find('/') != std::string::npos) throw wrong("the host knows the length of its network", "say the address alone: 10.77.0.50");
  (void)kernel::IpAddr::parse(address);
}

base::Exit check_and_print(const MoveOptions& options, bool json) {
  migration::Observer observer;
  observer.notice = [](std::string_view text) { fmt::print(stderr, "ferry: {}\n", text); };
  migration::CheckReport report;
  try {
    report = migration::check_move(options, observer);
  } catch (const base::Error& failure) {  // no such workload, or the target cannot be asked
    if (!json) throw;
    fmt::print("{}\n", unasked(options, failure).dump(2));
    return failure.exit();
  }
  if (json) {
    fmt::print("{}\n", to_json(report).dump(2));
  } else {
    print_text(report);
  }
  return report.can_move() ? base::Exit::kDone : base::Exit::kRefused;
}

void add_check(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  auto* verb = app.add_subcommand("check", "say every reason why a workload cannot move; touches nothing");
  auto& move = arguments->move;
  verb->add_option("what", move.what, "a name (`ferry ps`), a pid, pid:N, runc:ID, crun:ID, podman:NAME or docker:NAME")->required();
  verb->add_option("destination", move.destination, "[user@]host; without it only the workload itself is looked at");
  verb->add_option("--name", move.arrival_name, "what a bare process tree will be called there (default: comm-PID)");
  add_tcp_option(*verb, arguments->tcp);
  add_address_option(*verb, move.address);
  add_with_bind_option(*verb, move.with_binds);
  add_engine_options(*verb, move);
  verb->add_option("--port", arguments->port_range, "ports that the target may listen on: A-B");
  verb->add_flag("--tunnel", move.tunnel, "send everything through the SSH connection");
  verb->add_option("--ssh-option", move.ssh_options, "passed to ssh as -o OPTION (several times)")->allow_extra_args(false);
  verb->add_flag("--json", arguments->json, "as JSON");
  verb->callback([arguments, &exit_code] { exit_code = static_cast<int>(run(*arguments)); });
}

}  // namespace ferry::cli
