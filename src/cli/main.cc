// SPDX-License-Identifier: Apache-2.0
//
// The `ferry` command: builds the parser, runs one verb, and is one of the three places where errors are caught.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "base/error.h"
#include "base/fault.h"
#include "base/log.h"
#include "cli/unknown_verb.h"
#include "cli/verbs.h"
#include "criu/shim.h"

int main(int argc, char** argv) {
  using ferry::base::Error;
  using ferry::base::Exit;
  if (argc > 0 && ferry::criu::is_called_as_criu(argv[0])) return ferry::criu::run_shim(argc, argv);
  int exit_code = 0;
  try {
    CLI::App app{"ferry: moves running processes and containers to another host while they keep serving"};
    app.require_subcommand(1);
    app.fallthrough();
    app.set_version_flag("--version", FERRY_VERSION);
    bool verbose = false;
    app.add_flag("-v,--verbose", verbose, "say on stderr what is being done");
    if (const char* faults = std::getenv("FERRY_FAULTS")) ferry::base::set_faults(faults);
    app.parse_complete_callback([&] { ferry::base::set_log(verbose, "ferry"); });

    ferry::cli::add_move(app, exit_code);
    ferry::cli::add_run(app, exit_code);
    ferry::cli::add_ps(app, exit_code);
    ferry::cli::add_logs(app, exit_code);
    ferry::cli::add_stop(app, exit_code);
    ferry::cli::add_check(app, exit_code);
    ferry::cli::add_cancel(app, exit_code);
    ferry::cli::add_resolve(app, exit_code);
    ferry::cli::add_relay(app, exit_code);
    ferry::cli::add_engine(app, exit_code);
    ferry::cli::add_load_test(app, exit_code);
    ferry::cli::add_bench(app, exit_code);
    ferry::cli::add_lab(app, exit_code);
    ferry::cli::add_receive(app, exit_code);
    ferry::cli::add_guard(app, exit_code);
    ferry::cli::add_fill(app, exit_code);
    ferry::cli::add_capsule(app, exit_code);
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
        const auto unknown = ferry::cli::unknown_verb(app, {argv + 1, argv + argc});
        if (unknown) throw Error(*unknown, Exit::kUsage);
      }
      const int code = app.exit(error);
      return code == 0 ? 0 : static_cast<int>(Exit::kUsage);
    }
  } catch (const Error& error) {
    std::fprintf(stderr, "ferry: %s\n", error.what());
    return static_cast<int>(error.exit());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ferry: %s\n", error.what());
    return static_cast<int>(Exit::kFailed);
  }
  return exit_code;
}
