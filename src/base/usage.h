// SPDX-License-Identifier: Apache-2.0
//
// What this process has cost its host so far.
#pragma once

#include <cstdint>

namespace ferry::base {

struct Usage {
  double cpu_ms = 0;            // user and system, with the children it has waited for
  uint64_t peak_rss_bytes = 0;  // of this process alone, since its exec (VmHWM): getrusage's would be its parent's, if that was larger
};

Usage own_usage();

}  // namespace ferry::base
