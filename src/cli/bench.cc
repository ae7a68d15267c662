// SPDX-License-Identifier: Apache-2.0
//
// `ferry bench`: experiments on virtual hosts.
#include <memory>

#include "bench/demo.h"
#include "bench/pause.h"
#include "cli/interrupt.h"
#include "cli/verbs.h"

namespace ferry::cli {
namespace {

constexpr int kMostRepeats = 1000;  // of moves there and back; a quarter of an hour

struct Arguments {
  std::vector<std::string> layers;
  std::string program;
  bench::DemoOptions demo;
  bench::PauseOptions pause;
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

}  // namespace

void add_bench(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  auto* verb = app.add_subcommand("bench", "measure what a move costs, on virtual hosts");
  verb->require_subcommand(1);
  add_bench_report(*verb);

  auto* demo = verb->add_subcommand("demo", "a web service moves there and back under load");
  add_common(*demo, *arguments);
  demo->add_option("-o,--output", arguments->demo.output, "where the JSON goes")
      ->capture_default_str();
  demo->callback([arguments, &exit_code] {
    require_root("run the demo");
    const Interrupt interrupt;
    fill(arguments->demo, *arguments, interrupt);
    exit_code = static_cast<int>(bench::demo(arguments->demo));
  });

  auto* pause = verb->add_subcommand("pause", "what the pause is made of, against CRIU alone");
  add_common(*pause, *arguments);
  pause->add_option("--repeat", arguments->pause.repeat, "moves there and back")
      ->check(CLI::Range(1, kMostRepeats))
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
