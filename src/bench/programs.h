// SPDX-License-Identifier: Apache-2.0
//
// Small programs as workloads. Those that serve nobody prove by what they print that they went on.
#pragma once

#include "bench/workload.h"

namespace ferry::bench {

std::unique_ptr<Workload> make_looper(const WorkloadSpec& spec, const Hosts& hosts);
std::unique_ptr<Workload> make_compute(const WorkloadSpec& spec, const Hosts& hosts);
std::unique_ptr<Workload> make_memory_writer(const WorkloadSpec& spec, const Hosts& hosts);

// What is wrong with what looper.py has printed ("0000 -> ID", "0001 -> ID", …); none: nothing.
std::vector<std::string> looper_complaints(const std::string& output);

// A line of compute: "time_s=… steps=… lost_ms=… … right=yes".
struct ComputeLine {
  double time_s = 0, lost_ms = 0;
  uint64_t steps = 0;
  bool right = false;
};
// All whole lines. Throws Error at one that is none.
std::vector<ComputeLine> compute_lines(const std::string& output);
// By how much more time was lost from one line to the next than anywhere else: a pause of the
// program, not what others took from it all along.
double largest_loss_ms(const std::vector<ComputeLine>& lines, size_t from);

}  // namespace ferry::bench
