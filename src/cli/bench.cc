// SPDX-License-Identifier: Apache-2.0
//
// `ferry bench`: experiments, on virtual hosts or on two real ones.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "base/error.h"
#include "base/fd.h"
#include "bench/assignment.h"
#include "bench/assignment_hosts.h"
#include "bench/experiment.h"
#include "bench/pause.h"
#include "bench/scenario_file.h"
#include "bench/ways.h"
#include "cli/interrupt.h"
#include "cli/verbs.h"

namespace ferry::cli {
namespace {

struct Arguments {
  std::vector<std::string> layers;
  std::string program, address, output, compatibility, language = "en";
  bench::BenchOptions bench;
  bench::PauseOptions pause;
  bench::AssignmentOptions assignment;
  bool list = false;
};

void add_common(CLI::App& verb, Arguments& arguments) {
  verb.add_option("--layer", arguments.layers,
                  "directory to lay over the hosts' root (default: layer, beside ferry)")
      ->check(CLI::ExistingDirectory)
      ->allow_extra_args(false);
  verb.add_option("--program", arguments.program,
                  "web_counter.py (default: beside ferry, or in the source tree)")
      ->check(CLI::ExistingFile);
}

// The signals must be ours before anything is started: then nothing is left behind.
template <typename Options>
void fill(Options& options, const Arguments& arguments, const Interrupt& interrupt) {
  options.layers.assign(arguments.layers.begin(), arguments.layers.end());
  options.program = arguments.program;
  options.wake_fd = interrupt.fd();
}

// "10.0.0.9/24"
bench::Address address_from(const std::string& text) {
  const auto slash = text.find('/');
  const std::string prefix = slash == std::string::npos ? "" : text.substr(slash + 1);
  if (!prefix.empty() && prefix.size() <= 3 &&
      prefix.find_first_not_of("0123456789") == std::string::npos) {
    return {text.substr(0, slash), std::stoi(prefix)};
  }
  throw base::Error({fmt::format("cannot use the address \"{}\"", text),
                     "it has no prefix length",
                     "such as --address 192.168.1.50/24",
                     {},
                     {}},
                    base::Exit::kUsage);
}

// The command line as it was typed, but for the path of ferry.
std::string typed() {
  std::string line = "ferry";
  const std::string words = base::try_read_file("/proc/self/cmdline").value_or("");
  for (size_t at = words.find('\0'); at != std::string::npos && at + 1 < words.size();) {
    const size_t end = words.find('\0', at + 1);
    line += " " + words.substr(at + 1, end - at - 1);
    at = end;
  }
  return line;
}

void add_output(CLI::App& verb, Arguments& arguments) {
  verb.add_option("-o,--output", arguments.output,
                  "report.html, with the JSON beside it; or x.json");
  verb.add_option("--lang", arguments.language, "language of the report: en or zh")
      ->check(CLI::IsMember({"en", "zh"}));
  verb.add_flag("--json", arguments.bench.json, "print the whole experiment as JSON");
}

void fill_in(Arguments& arguments, const Interrupt& interrupt) {
  fill(arguments.bench, arguments, interrupt);
  arguments.bench.command = typed();
  arguments.bench.output = arguments.output;
  arguments.bench.language = report::parse_language(arguments.language);
}

void print_list() {
  for (const auto& scenario : bench::shipped_scenarios()) {
    fmt::print("{:<14} {}\n", scenario.name, scenario.description);
  }
}

void add_scenario(CLI::App& verb, const std::shared_ptr<Arguments>& arguments) {
  bench::BenchOptions& options = arguments->bench;
  verb.add_option("scenario", options.scenario, "its name, or the path of a file");
  verb.add_flag("--list", arguments->list, "the scenarios that came with ferry");
  add_common(verb, *arguments);
  const auto list = [](CLI::Option* option) { option->delimiter(',')->allow_extra_args(false); };
  verb.add_option("--repeat", options.repeat, "of everything")
      ->check(CLI::Range(1, bench::kMostRepeats));
  verb.add_option("--moves", options.moves, "in a repetition, there and back")
      ->check(CLI::Range(1, bench::kMostRepeats));
  list(verb.add_option(
      "--modes", options.modes,
      fmt::format("of ferry: all, none, {}", fmt::join(bench::ferry_modes(), ", "))));
  list(verb.add_option(
      "--baseline", options.baselines,
      fmt::format("ways without ferry: all, none, {}", fmt::join(bench::baselines(), ", "))));
  verb.add_option("--source", options.source, "a real host, [user@]host, instead of virtual ones");
  verb.add_option("--target", options.target, "the other one");
  verb.add_option("--address", arguments->address, "with them: the workload's, as 192.168.1.50/24");
  add_output(verb, *arguments);
}

int run_scenario(Arguments& arguments) {
  if (arguments.list) {
    print_list();
    return 0;
  }
  if (arguments.bench.scenario.empty()) {
    throw base::Error(
        {"which scenario?", "", "ferry bench --list shows those that there are", {}, {}},
        base::Exit::kUsage);
  }
  require_root("run an experiment");
  const Interrupt interrupt;
  fill_in(arguments, interrupt);
  if (!arguments.address.empty()) arguments.bench.address = address_from(arguments.address);
  return static_cast<int>(bench::bench(arguments.bench));
}

void add_assignment(CLI::App& verb, const std::shared_ptr<Arguments>& arguments, int& exit_code) {
  auto& options = arguments->assignment;
  auto* own = verb.add_subcommand(
      "assignment", "the recipe by its own commands (docker, CRIU, scp), and ferry beside it");
  add_common(*own, *arguments);
  own->add_option("--repeat", arguments->bench.repeat,
                  fmt::format("of everything (default: {})", bench::kAssignmentRepeats))
      ->check(CLI::Range(1, bench::kMostRepeats));
  const auto list = [](CLI::Option* option, const std::vector<std::string>& known) {
    option->delimiter(',')->allow_extra_args(false)->check(CLI::IsMember(known));
  };
  list(own->add_option("--hosts", options.pairs, "which pairs of hosts (default: all)"),
       bench::kPairLabels);
  list(own->add_option("--workloads", options.workloads, "default: all"),
       bench::kAssignmentWorkloads);
  add_output(*own, *arguments);
  own->add_option("--compatibility", arguments->compatibility,
                  "where to write what moves between which hosts, as Markdown");
  own->callback([arguments, &exit_code] {
    require_root("run the assignment");
    const Interrupt interrupt;
    fill_in(*arguments, interrupt);
    arguments->assignment.compatibility = arguments->compatibility;
    exit_code = static_cast<int>(bench::assignment(arguments->assignment, arguments->bench));
  });
}

}  // namespace

void add_bench(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  auto* verb = app.add_subcommand("bench", "measure what a move costs");
  verb->require_subcommand(0, 1);
  add_bench_report(*verb);
  add_scenario(*verb, arguments);
  verb->callback([verb, arguments, &exit_code] {
    if (verb->get_subcommands().empty()) exit_code = run_scenario(*arguments);
  });

  add_assignment(*verb, arguments, exit_code);
  auto* pause = verb->add_subcommand("pause", "what the pause is made of, against CRIU alone");
  add_common(*pause, *arguments);
  pause->add_option("--repeat", arguments->pause.repeat, "moves there and back")
      ->check(CLI::Range(1, bench::kMostRepeats))
      ->capture_default_str();
  pause->add_flag("--json", arguments->pause.json, "print the result as JSON");
  pause->callback([arguments, &exit_code] {
    require_root("run the benchmark");
    const Interrupt interrupt;
    fill(arguments->pause, *arguments, interrupt);
    exit_code = static_cast<int>(bench::pause(arguments->pause));
  });
}

}  // namespace ferry::cli
