// SPDX-License-Identifier: Apache-2.0
//
// What instructions this host's processors have, as /proc/cpuinfo says it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ferry::kernel {

struct Cpu {
  std::string model;
  std::vector<std::string> features;  // those that a program can have decided by; sorted
};
Cpu read_cpu();
// `text`: of /proc/cpuinfo; its first processor counts.
Cpu parse_cpu(std::string_view text);

}  // namespace ferry::kernel
