// SPDX-License-Identifier: Apache-2.0
//
// The log of pgbench as a result of the load generator, so that the same questions can be asked of
// it. With --rate pgbench, too, counts latency from when a transaction was due.
#pragma once

#include <string_view>

#include "load/result.h"

namespace ferry::bench {

// Lines "CLIENT NUMBER LATENCY_US SCRIPT SECONDS US LAG_US", in any order, and perhaps "aborted N":
// clients that lost their connection. Its clock is CLOCK_REALTIME. Throws Error when it is
// something else.
load::Result parse_pgbench_log(std::string_view log, const load::Setup& setup);

}  // namespace ferry::bench
