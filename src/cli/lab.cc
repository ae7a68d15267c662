// SPDX-License-Identifier: Apache-2.0
//
// `ferry lab`: virtual hosts on one machine.
#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/clock.h"
#include "base/error.h"
#include "base/units.h"
#include "cli/verbs.h"
#include "lab/exec.h"
#include "lab/foreground.h"
#include "lab/life.h"
#include "lab/spec.h"
#include "lab/state.h"
#include "lab/supervisor.h"

namespace ferry::cli {
namespace {

struct Options {
  lab::LabSpec spec;
  std::optional<std::string> name;
  std::string rate, delay, host;
  std::vector<std::string> layers, own_layers;
  std::vector<std::string> command;
  bool json = false;
};

lab::LabSpec spec_of(const Options& options) {
  lab::LabSpec spec = options.spec;
  if (options.name) spec.name = *options.name;
  if (!options.rate.empty()) spec.rate_bytes_per_second = base::parse_rate(options.rate);
  if (!options.delay.empty()) spec.delay = base::parse_duration(options.delay);
  std::error_code none;
  for (const auto& layer : options.layers) spec.layers.push_back(std::filesystem::absolute(layer));
  for (const auto& one : options.own_layers) {
    const auto equals = one.find('=');
    if (equals == std::string::npos) {
      throw base::Error({fmt::format("\"{}\" is no layer of a host", one), "it must be HOST=DIRECTORY", "", {}, {}}, base::Exit::kUsage);
    }
    spec.own_layers[one.substr(0, equals)].push_back(std::filesystem::absolute(one.substr(equals + 1)));
  }
  spec.working_directory = std::filesystem::current_path(none);
  return spec;
}

void add_shape(CLI::App& verb, Options& options) {
  // One value each time: an option that takes all words up to "--" swallows the "--" as well.
  const auto list = [](CLI::Option* option) { option->delimiter(',')->allow_extra_args(false); };
  list(verb.add_option("--hosts", options.spec.hosts, "names of the hosts (default: east,west,client)"));
  verb.add_option("--name", options.name, "of the lab, when there are several (default: \"default\")");
  verb.add_option("--rate", options.rate, "of each host's link in each direction, as 1gbit");
  verb.add_option("--delay", options.delay,
                  "of one crossing of a link, as 2ms; a round trip between two hosts has four of them");
  verb.add_option("--layer", options.layers, "directory to lay over the machine's root; the first one wins")
      ->allow_extra_args(false);
  verb.add_option("--host-layer", options.own_layers, "HOST=DIRECTORY: the same for one host, on top of the others")
      ->allow_extra_args(false);
  list(verb.add_option("--no-ferry", options.spec.without_ferry, "hosts that shall not have ferry"));
}

void need_root(const char* what) {
  if (::geteuid() != 0) base::refuse(fmt::format("cannot {}", what), "it takes root", "run it with sudo");
}

void up(const Options& options) {
  const auto spec = spec_of(options);
  auto started = lab::start_lab(spec, true);
  started.supervisor.release();  // it stays
  fmt::print("lab \"{}\" is up: {}\n", spec.name, fmt::join(spec.hosts, ", "));
}

int run(const Options& options) {
  const auto spec = spec_of(options);
  lab::Foreground foreground;
  auto started = lab::start_lab(spec, false);
  int code = 0;
  {
    const lab::LifeTie tie;
    base::SpawnOptions spawn;
    spawn.stdin_fd = STDIN_FILENO;
    spawn.stdout_fd = STDOUT_FILENO;
    spawn.stderr_fd = STDERR_FILENO;
    spawn.environment = {"FERRY_LAB=" + spec.name};
    spawn.in_child = [&] { tie.hold(); };
    base::Child command = base::spawn(options.command, spawn);
    code = foreground.wait_for(command, started.supervisor_pidfd.get());
  }
  started.lifeline.reset();
  const bool ended_well = base::exit_code(started.supervisor.wait()) == 0;
  if (!ended_well) throw base::Error({"the lab has ended before its command", "", "", {}, {}});
  return code;
}

void down(const Options& options) {
  need_root("end a lab");
  lab::end_lab(options.name.value_or(""));
  const lab::StateLock lock;
  lab::sweep_dead_labs();
}

void print_lab(const lab::LabState& state) {
  fmt::print("lab \"{}\", up since {}", state.name, base::iso_time(state.since_real_ns));
  if (state.rate_bytes_per_second != 0) {
    fmt::print(", rate {}", base::format_rate(static_cast<double>(state.rate_bytes_per_second)));
  }
  if (state.delay_ns != 0) fmt::print(", delay {}", base::format_ms(static_cast<double>(state.delay_ns) / 1e6));
  fmt::print("\n");
  for (const auto& host : state.hosts) {
    fmt::print("  {:<12} {:<12} init {}{}\n", host.name, host.address, host.init.pid,
               kernel::is_alive(host.init) ? "" : " (dead)");
  }
}

void status(const Options& options) {
  need_root("look at labs");
  std::vector<lab::LabState> labs;
  {
    const lab::StateLock lock;
    lab::sweep_dead_labs();
    if (options.name) {
      labs.push_back(lab::lab_named(*options.name));
    } else {
      for (auto& state : lab::all_labs()) {
        if (lab::is_up(state)) labs.push_back(std::move(state));
      }
    }
  }
  if (options.json) {
    auto list = nlohmann::json::array();
    for (const auto& state : labs) list.push_back(nlohmann::json::parse(lab::to_json(state)));
    fmt::print("{}\n", list.dump(2));
    return;
  }
  if (labs.empty()) fmt::print("no lab is up\n");
  for (const auto& state : labs) print_lab(state);
}

}  // namespace

void add_lab(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  CLI::App* const verb = app.add_subcommand("lab", "virtual hosts on this machine, to try ferry and to test it");
  verb->require_subcommand(1);

  CLI::App* const up_verb = verb->add_subcommand("up", "start a lab; it stays until `ferry lab down`");
  add_shape(*up_verb, *options);
  up_verb->callback([options] { up(*options); });

  CLI::App* const run_verb = verb->add_subcommand("run", "start a lab for as long as a command runs");
  add_shape(*run_verb, *options);
  run_verb->add_option("command", options->command, "-- CMD…, run on this machine with FERRY_LAB set")->required();
  run_verb->callback([options, &exit_code] { exit_code = run(*options); });

  CLI::App* const exec_verb = verb->add_subcommand("exec", "run a command in a host");
  exec_verb->add_option("--name", options->name, "of the lab (default: FERRY_LAB's, or \"default\")");
  exec_verb->add_option("host", options->host, "of the lab")->required();
  exec_verb->add_option("command", options->command, "-- CMD…")->required();
  exec_verb->callback([options, &exit_code] {
    need_root("enter a host");
    exit_code = lab::exec_in_host(lab::lab_named(options->name.value_or("")), options->host, options->command);
  });

  CLI::App* const status_verb = verb->add_subcommand("status", "the labs that are up, and their hosts");
  status_verb->add_option("--name", options->name, "only this one");
  status_verb->add_flag("--json", options->json, "for programs");
  status_verb->callback([options] { status(*options); });

  CLI::App* const down_verb = verb->add_subcommand("down", "end a lab");
  down_verb->add_option("--name", options->name, "of the lab (default: FERRY_LAB's, or \"default\")");
  down_verb->callback([options] { down(*options); });
}

}  // namespace ferry::cli
