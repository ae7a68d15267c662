// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "base/units.h"
#include "cli/checking.h"
#include "cli/interrupt.h"
#include "cli/verbs.h"
#include "migration/source.h"
#include "migration/throttle.h"
#include "transport/lanes.h"

namespace ferry::cli {
namespace {

struct Arguments {
  migration::MoveOptions move;
  std::string port_range, tcp = "keep";
  std::string mode = "auto", pause_limit = "100ms", pause_max, bandwidth, throttle, post_copy_timeout = "60s";
  bool json = false, quiet = false, dry_run = false;
};

// Whoever reads stderr may have gone (a closed terminal, `| head`); fmt::print would throw, and that must not end a move halfway.
// And a stopped one (Ctrl-S) must not stop a workload that is frozen meanwhile.
void say(const std::string& text) {
  pollfd terminal{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&terminal, 1, 0) != 1 || (terminal.revents & POLLOUT) == 0) return;
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
}

std::string text_of(const migration::Round& round) {
  auto text = fmt::format("round {}: {} in {}, {}", round.number, base::format_bytes(round.dirty_bytes), base::format_ms(round.ms),
                          base::format_rate(round.copied_bytes_per_s));
  if (round.number > 1) {
    text += fmt::format("; it writes {}, the pause would have been {}", base::format_rate(round.dirty_bytes_per_s),
                        base::format_ms(round.expected_pause_ms));
  }
  if (round.throttle_percent > 0) text += fmt::format("; slowed by {} %", round.throttle_percent);
  return text;
}

// On a terminal one line that is written over; elsewhere a line per phase. All on stderr: stdout is for the result.
class ProgressPrinter {
 public:
  explicit ProgressPrinter(bool quiet) : quiet_(quiet), terminal_(::isatty(STDERR_FILENO) == 1) {}

  migration::Observer observer() {
    migration::Observer observer;
    if (quiet_) return observer;
    observer.phase = [this](std::string_view phase) {
      phase_ = phase;
      show("");
    };
    observer.notice = [this](std::string_view text) {
      clear();
      say(fmt::format("ferry: {}\n", text));
    };
    observer.round = [this](const migration::Round& round) {
      clear();
      say(fmt::format("ferry: {}\n", text_of(round)));
    };
    if (terminal_) {
      observer.bytes = [this](uint64_t done, uint64_t total) {
        if (total > 0) show(fmt::format(" {} of {}", base::format_bytes(done), base::format_bytes(total)));
      };
    }
    return observer;
  }
  void clear() {
    if (terminal_ && !quiet_) say("\r\033[K");
  }

 private:
  void show(const std::string& detail) {
    if (terminal_) {
      say(fmt::format("\r\033[K{} …{}", phase_, detail));
    } else {
      say(fmt::format("ferry: {}\n", phase_));
    }
  }
  bool quiet_, terminal_;
  std::string phase_;
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
    fmt::print("{} runs on {} now: frozen {}, moved in {}, {} sent ({})\n", report.name, report.target,
               base::format_ms(report.frozen_ms), base::format_ms(report.total_ms), base::format_bytes(report.bytes_sent),
               report.via == "tls" ? "direct TLS" : "through the SSH pipe");
    for (const auto& phase : report.phases) fmt::print("  {:<8} {:>9}\n", phase.name, base::format_ms(phase.ms));
    if (report.tcp.connections > 0) {
      fmt::print("  {} open TCP connections {}\n", report.tcp.connections, report.tcp.policy == "close" ? "were ended" : "went along");
    }
    if (!report.service_address.empty()) fmt::print("  with the address {}\n", report.service_address);
    if (report.parking.on) print_parking(report.parking);
    if (report.pulled_bytes > 0) {
      fmt::print("  {} fetched after it ran there; {} pages waited for, the longest {}\n", base::format_bytes(report.pulled_bytes), report.faults,
                 base::format_ms(report.worst_fault_ms));
    }
    if (report.throttle.percent > 0) print_throttle(report.throttle);
    if (!report.rounds.empty()) fmt::print("  {} rounds; frozen then because {}\n", report.rounds.size(), report.freeze_reason);
    return;
  }
  say(fmt::format("ferry: {}\n", base::Error(report.error).what()));
  if (report.unharmed && !report.name.empty()) {
    say(fmt::format("  {} goes on here, unharmed\n", report.name));
  }
}

base::Exit exit_of(const std::string& result) {
  if (result == "moved") return base::Exit::kDone;
  if (result == "refused") return base::Exit::kRefused;
  if (result == "cancelled") return base::Exit::kCancelled;
  if (result == "in-doubt") return base::Exit::kInDoubt;
  return base::Exit::kFailed;
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

base::Exit run(Arguments& arguments) {
  require_root("move");
  auto& options = arguments.move;
  transport::parse_destination(options.destination);
  if (!arguments.port_range.empty()) options.ports = transport::parse_port_range(arguments.port_range);
  options.tcp = process::parse_tcp_policy(arguments.tcp);
  check_address(options.address, options.what);
  options.mode = migration::parse_mode(arguments.mode);
  options.pause.limit_ms = parse_ms(arguments.pause_limit);
  if (!arguments.pause_max.empty()) options.pause.max_ms = parse_ms(arguments.pause_max);
  if (!arguments.bandwidth.empty()) options.bandwidth = base::parse_rate(arguments.bandwidth);
  if (!arguments.throttle.empty()) options.throttle = throttle_from(arguments);
  options.post_copy_timeout = std::chrono::duration_cast<base::milliseconds>(base::parse_duration(arguments.post_copy_timeout));
  if (options.keep_source && options.what.find(':') == std::string::npos) {
    throw base::Error({"--keep-source is for containers", "of a process nothing stays here to be kept", "", {}, {}}, base::Exit::kUsage);
  }
  const Interrupt interrupt;
  options.wake_fd = interrupt.fd();
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
  verb->add_option("what", move.what, "a name (`ferry ps`), a pid, pid:N, runc:ID, podman:NAME or docker:NAME")->required();
  verb->add_option("destination", move.destination, "[user@]host, as for ssh")->required();
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
  verb->add_flag("--keep-source", move.keep_source, "of a container: keep the stopped one here instead of removing it");
  verb->add_flag("--dry-run", arguments->dry_run, "only say whether it can move, and every reason why not, as `ferry check` does");
  verb->add_flag("--json", arguments->json, "print the report as JSON");
  verb->add_flag("-q,--quiet", arguments->quiet, "no progress");
  verb->callback([arguments, &exit_code] { exit_code = static_cast<int>(run(*arguments)); });
}

}  // namespace ferry::cli
