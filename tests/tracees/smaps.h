// SPDX-License-Identifier: Apache-2.0
//
// What the kernel says of a mapping of our own.
#pragma once

#include "tracee.h"

namespace tracee {

inline std::string read_smaps() { return read_whole("/proc/self/smaps"); }

// Whether VmFlags of the mapping that contains `address` has that flag. Who asks of many mappings reads smaps once.
inline bool has_vm_flag(const void* address, const std::string& flag, const std::string& smaps = read_smaps()) {
  const auto wanted = reinterpret_cast<uintptr_t>(address);
  bool inside = false;
  for (size_t at = 0; at < smaps.size();) {
    const size_t end = smaps.find('\n', at);
    const std::string line = smaps.substr(at, end - at);
    unsigned long first = 0, last = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &first, &last) == 2) inside = first <= wanted && wanted < last;
    if (inside && line.starts_with("VmFlags:")) return line.find(" " + flag) != line.npos;
    at = end + 1;
  }
  fail("nothing is mapped there");
}

}  // namespace tracee
