// SPDX-License-Identifier: Apache-2.0
//
// A command line whose verb is none: CLI11 says only that one is required.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace ferry::cli {

// What to say of the first word that is no verb where one is required, with the nearest verb.
// Nothing: there is no such word.
std::optional<base::Explanation> unknown_verb(const CLI::App& app,
                                              const std::vector<std::string>& words);

}  // namespace ferry::cli
