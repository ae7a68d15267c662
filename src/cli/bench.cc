// SPDX-License-Identifier: Apache-2.0
#include "cli/verbs.h"

namespace ferry::cli {
void add_bench(CLI::App&, int&) {}
}  // namespace ferry::cli
