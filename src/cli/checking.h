// SPDX-License-Identifier: Apache-2.0
//
// What `ferry check` and `ferry move --dry-run` have in common: all of it.
#pragma once

#include "base/error.h"
#include "migration/source.h"

namespace ferry::cli {

// Asks, and prints every reason with its remedy on stdout, in words or as JSON. kDone when it can move, else kRefused.
base::Exit check_and_print(const migration::MoveOptions& options, bool json);

}  // namespace ferry::cli
