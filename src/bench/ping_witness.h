// SPDX-License-Identifier: Apache-2.0
//
// A witness of the pause that is neither ferry nor its load generator: fping(8) on the client's host,
// which asks the workload's address every few milliseconds. The kernel answers it, not the workload:
// its silence is that of the address.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "bench/hosts.h"

namespace ferry::bench {

class PingWitness {
 public:
  PingWitness(const Hosts& hosts, std::chrono::nanoseconds interval);
  // When its replies came, the client's CLOCK_REALTIME, in order. Throws Error.
  std::vector<int64_t> finish();

 private:
  const Hosts& hosts_;
  Command command_;
};

// Of fping's output with --timestamp: "[1795860060.12346] 10.77.0.9 : [12], 64 bytes, 0.025 ms (…)".
std::vector<int64_t> parse_replies(std::string_view output);

// How long none came around that instant; none when it lies before the first or after the last.
std::optional<double> silence_ms(const std::vector<int64_t>& replies_ns, int64_t at_ns);

}  // namespace ferry::bench
