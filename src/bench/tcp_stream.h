// SPDX-License-Identifier: Apache-2.0
//
// What one plain TCP stream carries from the source to the target (iperf3): a copy's speed is judged against that, and
// both are measured within the same minute.
#pragma once

#include <string_view>

#include "bench/hosts.h"
#include "report/experiment.h"

namespace ferry::bench {

double measure_stream(const Hosts& hosts);  // bytes per second. Takes some 2 s. Throws Error.

// Of `iperf3 --json`: what arrived. Throws Error with what iperf3 says.
double parse_stream(std::string_view json);

// Of the first round, which is nearly all of the memory: its bytes, not those on the wire. None: there was no round.
std::optional<double> copy_bytes_per_second(const report::Move& move);

}  // namespace ferry::bench
