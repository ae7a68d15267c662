// SPDX-License-Identifier: Apache-2.0
//
// What `ferry check` and `ferry move` have in common; with --dry-run all of it.
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json_fwd.hpp>

#include "base/error.h"
#include "migration/check.h"
#include "migration/source.h"

namespace ferry::cli {

// --tcp, as `ferry move` and `ferry check` have it.
CLI::Option* add_tcp_option(CLI::App& verb, std::string& tcp);
// --address, as both have it.
CLI::Option* add_address_option(CLI::App& verb, std::string& address);
// Throws Error (usage) when it is none.
void check_address(const std::string& address);

// --with-bind, as both have it; check_binds throws Error (usage) when there is one and `what` is no container.
CLI::Option* add_with_bind_option(CLI::App& verb, std::vector<std::string>& paths);
void check_binds(const migration::MoveOptions& options);

// --engine-root, --target-engine-root and --target-engine-env, as both have them; check_engine_options throws Error (usage) when one is given that
// cannot be.
void add_engine_options(CLI::App& verb, migration::MoveOptions& options);
void check_engine_options(const migration::MoveOptions& options);

nlohmann::ordered_json to_json(const base::Explanation& error);
// As `ferry check --json` prints it; and its reasons alone.
nlohmann::ordered_json to_json(const migration::CheckReport& report);
nlohmann::ordered_json reasons_to_json(const migration::CheckReport& report);

// Asks, and prints every reason with its remedy on stdout, in words or as JSON. kDone when it can move, else kRefused.
base::Exit check_and_print(const migration::MoveOptions& options, bool json);

}  // namespace ferry::cli
