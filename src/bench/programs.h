// SPDX-License-Identifier: Apache-2.0
//
// Small programs that serve nobody, as workloads: they prove by what they print that they went on.
#pragma once

#include "bench/workload.h"

namespace ferry::bench {

std::unique_ptr<Workload> make_looper(const WorkloadSpec& spec, const Hosts& hosts);

// What is wrong with what looper.py has printed ("0000 -> ID", "0001 -> ID", …); none: nothing.
std::vector<std::string> looper_complaints(const std::string& output);

}  // namespace ferry::bench
