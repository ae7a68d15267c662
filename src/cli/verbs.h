// SPDX-License-Identifier: Apache-2.0
//
// One file per verb; each adds its subcommand. The callback sets the exit code of the program; errors are thrown
// and printed by main().
#pragma once

#include <CLI/CLI.hpp>

namespace ferry::cli {

void add_run(CLI::App& app, int& exit_code);
void add_ps(CLI::App& app, int& exit_code);
void add_logs(CLI::App& app, int& exit_code);
void add_stop(CLI::App& app, int& exit_code);
void add_move(CLI::App& app, int& exit_code);
void add_check(CLI::App& app, int& exit_code);
void add_cancel(CLI::App& app, int& exit_code);
void add_receive(CLI::App& app, int& exit_code);
void add_capsule(CLI::App& app, int& exit_code);
void add_guard(CLI::App& app, int& exit_code);
void add_fill(CLI::App& app, int& exit_code);
void add_resolve(CLI::App& app, int& exit_code);
void add_relay(CLI::App& app, int& exit_code);
void add_engine(CLI::App& app, int& exit_code);
void add_lab(CLI::App& app, int& exit_code);
void add_load_test(CLI::App& app, int& exit_code);
void add_bench(CLI::App& app, int& exit_code);
void add_bench_report(CLI::App& bench);

}  // namespace ferry::cli
