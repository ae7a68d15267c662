// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "base/units.h"
#include "cli/checking.h"
#include "cli/interrupt.h"
#include "cli/move_all.h"
#include "cli/moving.h"
#include "cli/verbs.h"
#include "migration/source.h"
#include "migration/throttle.h"
#include "transport/lanes.h"

namespace ferry::cli {
namespace {

struct Arguments {
  migration::MoveOptions move;
  std::string port_range, tcp = "keep", relay = "until-idle";
  std::string mode = "auto", pause_limit = "100ms", pause_max, bandwidth, throttle, post_copy_timeout = "60s";
  bool all = false, keep_going = false;
  bool json = false, quiet = false, dry_run = false;
};

void print_parking(const migration::ParkingReport& parking) {
  fmt::print("  {} packets ({}) waited for it", parking.frames, base::format_bytes(parking.bytes));
  if (parking.overflow > 0) fmt::print(", {} more were too many and lost", parking.overflow);
  fmt::print("\n");
}

void print_throttle(const migration::ThrottleReport& throttle) {
  fmt::print("  slowed by up to {} % for {} ({} of it stopped): it wrote faster than the copy ran\n", throttle.percent,
             base::format_ms(throttle.ms), base::format_ms(throttle.stopped_ms));
}

void print_report(const migration::Report& report) {
  if (report.result == "moved") {
    fmt::print("{}, {} sent ({})\n", moved_text(report), base::format_bytes(report.bytes_sent),
               report.via == "tls" ? "direct TLS" : "through the SSH pipe");
    for (const auto& phase : report.phases) fmt::print("  {:<8} {:>9}\n", phase.name, base::format_ms(phase.ms));
    if (report.tcp.connections > 0) {
      fmt::print("  {} open TCP connections {}\n", report.tcp.connections, report.tcp.policy == "close" ? "were ended" : "went along");
    }
    if (!report.service_address.empty()) fmt::print("  with the address {}\n", report.service_address);
    if (report.parking.on) print_parking(report.parking);
    if (!report.relay.empty()) {
      fmt::print("  {} here: relayed to {} (`ferry relay list`)\n", fmt::join(report.relay, ", "), report.target);
    }
    if (report.pulled_bytes > 0) {
      fmt::print("  {} fetched after it ran there; {} pages waited for, the longest {}\n", base::format_bytes(report.pulled_bytes), report.faults,
                 base::format_ms(report.worst_fault_ms));
    }
    if (report.throttle.percent > 0) print_throttle(report.throttle);
    if (!report.rounds.empty()) fmt::print("  {} rounds; frozen then because {}\n", report.rounds.size(), report.freeze_reason);
    return;
  }
  say_failure(report);
}

double parse_ms(const std::string& text) {
  return std::chrono::duration<double, std::milli>(base::parse_duration(text)).count();
}

int throttle_from(const Arguments& arguments) {
  const auto wrong = [&](const std::string& why, const std::string& remedy) {
    return base::Error({fmt::format("--throttle {} cannot be", arguments.throttle), why, remedy, {}, {}}, base::Exit::kUsage);
  };
  const int percent = base::parse_percent(arguments.throttle);
  if (percent < 1 || percent > migration::Throttle::kMostPercent) {
    throw wrong(fmt::format("a workload that is stopped for more than {} % of the time does not come to run", migration::Throttle::kMostPercent),
                fmt::format("1% to {}%", migration::Throttle::kMostPercent));
  }
  const auto mode = migration::parse_mode(arguments.mode);
  if (mode != migration::Mode::kAuto && mode != migration::Mode::kPre) {
    throw wrong(fmt::format("in mode {} nothing waits for its writing to become slower", arguments.mode), "use it with --mode auto or pre");
  }
  return percent;
}

base::Error wrong_with_all(const std::string& what, const std::string& why) {
  return base::Error({what, why, "", {}, {}}, base::Exit::kUsage);
}

// With --all what comes first is the engine, if anything does. As CLI11 says it, who counts other words.
void sort_words(Arguments& arguments) {
  auto& move = arguments.move;
  if (arguments.all && move.destination.empty()) std::swap(move.what, move.destination);
  if (move.what.empty() && !arguments.all) throw CLI::RequiredError("what");
  if (move.destination.empty()) throw CLI::RequiredError("destination");
  if (!arguments.all) {
    if (arguments.keep_going) throw wrong_with_all("--keep-going is for --all", "a single workload has none that could go on without it");
    return;
  }
  if (!move.arrival_name.empty()) throw wrong_with_all("--name cannot be with --all", "it names one workload");
  if (!move.with_binds.empty()) throw wrong_with_all("--with-bind cannot be with --all", "it names what one container has");
  if (!move.address.empty()) throw wrong_with_all("--address cannot be with --all", "it moves with one workload");
}

base::Exit run_all(const Arguments& arguments, const Interrupt& interrupt) {
  const auto& what = arguments.move.what;
  return move_all({.options = arguments.move,
                   .engine = what.empty() ? "" : parse_engine(what),
                   .keep_going = arguments.keep_going,
                   .dry_run = arguments.dry_run,
                   .json = arguments.json,
                   .quiet = arguments.quiet},
                  interrupt);
}

base::Exit run(Arguments& arguments) {
  sort_words(arguments);
  require_root("move");
  auto& options = arguments.move;
  transport::parse_destination(options.destination);
  if (!arguments.port_range.empty()) options.ports = transport::parse_port_range(arguments.port_range);
  options.tcp = process::parse_tcp_policy(arguments.tcp);
  options.relaying = migration::parse_relaying(arguments.relay);
  check_address(options.address);
  if (!arguments.all) check_binds(options);
  check_engine_options(options);
  options.mode = migration::parse_mode(arguments.mode);
  options.pause.limit_ms = parse_ms(arguments.pause_limit);
  if (!arguments.pause_max.empty()) options.pause.max_ms = parse_ms(arguments.pause_max);
  if (!arguments.bandwidth.empty()) options.bandwidth = base::parse_rate(arguments.bandwidth);
  if (!arguments.throttle.empty()) options.throttle = throttle_from(arguments);
  options.post_copy_timeout = std::chrono::duration_cast<base::milliseconds>(base::parse_duration(arguments.post_copy_timeout));
  if (options.keep_source && !arguments.all && options.what.find(':') == std::string::npos) {
    throw base::Error({"--keep-source is for containers", "of a process nothing stays here to be kept", "", {}, {}}, base::Exit::kUsage);
  }
  const Interrupt interrupt;
  options.wake_fd = interrupt.fd();
  if (arguments.all) return run_all(arguments, interrupt);
  if (arguments.dry_run) return check_and_print(options, arguments.json);
  ProgressPrinter progress(arguments.quiet);
  const auto report = migration::run_source(options, progress.observer());
  progress.clear();
  if (arguments.json) {
    fmt::print("{}\n", migration::to_json(report));
  } else {
    print_report(report);
  }
  return exit_of(report.result);
}

}  // namespace

void add_move(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  auto* verb = app.add_subcommand("move", "move a workload to another host while it runs");
  auto& move = arguments->move;
  // Not required by the parser: with --all the destination may be the only one.
  verb->add_option("what", move.what, "a name (`ferry ps`), a pid, pid:N, runc:ID, crun:ID, podman:NAME or docker:NAME; with --all nothing, or docker:, podman:, runc:, crun:");
  verb->add_option("destination", move.destination, "[user@]host, as for ssh");
  verb->add_flag("--all", arguments->all,
                 "all that runs here, one after another: workloads of `ferry run` and containers, or the containers of one engine; stops at the first that does "
                 "not move, and moves nothing if one of them cannot");
  verb->add_flag("--keep-going", arguments->keep_going, "with --all: leave here what cannot move, and move the others");
  verb->add_option("--name", move.arrival_name, "what a bare process tree will be called there (default: comm-PID)");
  add_tcp_option(*verb, arguments->tcp);
  add_address_option(*verb, move.address);
  verb->add_option("--mode", arguments->mode,
                   "auto, pre: memory is copied while it runs, round after round; hybrid, post: after some rounds, or none, it runs there and the rest "
                   "is fetched (asked for by name: a lost host then costs the workload); stop: all of it within the pause")
      ->capture_default_str();
  verb->add_option("--rounds", move.rounds, "of --mode hybrid, before it runs there")->check(CLI::Range(1, 30))->capture_default_str();
  verb->add_option("--post-copy-timeout", arguments->post_copy_timeout,
                   "of --mode post, hybrid: how long a connection that was cut is made again before this command ends; nothing is lost then")
      ->capture_default_str();
  verb->add_option("--pause-limit", arguments->pause_limit, "how long the pause should be at most; a goal")->capture_default_str();
  verb->add_option("--pause-max", arguments->pause_max, "cancel before the freeze if the pause would be longer; a promise");
  verb->add_option("--throttle", arguments->throttle,
                   "slow a workload that writes faster than its memory can be copied: stop it in turns, for so much of the time at most, 80% (default: never)");
  verb->add_option("--bandwidth", arguments->bandwidth, "for the memory: 1gbit, 100MB/s (default: as fast as it goes)");
  verb->add_option("--lanes", move.lanes, "connections that carry the memory")
      ->check(CLI::Range(0, transport::kMostLanes))
      ->capture_default_str();
  verb->add_option("--port", arguments->port_range, "ports that the target may listen on: A-B");
  verb->add_flag("--tunnel", move.tunnel, "send everything through the SSH connection");
  verb->add_option("--ssh-option", move.ssh_options, "passed to ssh as -o OPTION (several times)")->allow_extra_args(false);
  verb->add_flag("!--no-parking", move.parking, "drop packets that arrive in the pause (TCP sends them again after 200 ms and more)");
  verb->add_option("--relay", arguments->relay,
                   "of a container's published ports: until-idle: this host relays them until its last connection by them has ended; keep: until `ferry relay "
                   "stop`; none: they end here, and so do its connections")
      ->capture_default_str();
  verb->add_flag("--keep-source", move.keep_source, "of a container: keep the stopped one here instead of removing it");
  add_with_bind_option(*verb, move.with_binds);
  add_engine_options(*verb, move);
  verb->add_flag("--dry-run", arguments->dry_run, "only say whether it can move, and every reason why not, as `ferry check` does");
  verb->add_flag("--json", arguments->json, "print the report as JSON");
  verb->add_flag("-q,--quiet", arguments->quiet, "no progress");
  verb->callback([arguments, &exit_code] { exit_code = static_cast<int>(run(*arguments)); });
}

}  // namespace ferry::cli
