// SPDX-License-Identifier: Apache-2.0
//
// What CRIU costs without ferry: `criu dump` and `criu restore` of the same program, by hand, in
// one host, with the CRIU that ferry uses, images on a tmpfs and its probe of the kernel cached.
// A stop-mode move cannot be faster than the two together.
#pragma once

#include "bench/workload.h"

namespace ferry::bench {

class BareCriu {
 public:
  // Of a workload whose command ends in its port, with room for the address after it. Starts the
  // program, and has it dumped and restored once so that what CRIU caches is there.
  BareCriu(const Hosts& hosts, std::string host, const Workload& workload);

  struct Times {
    double dump_ms = 0, restore_ms = 0;  // of the whole commands
  };
  Times measure() const;

 private:
  const Hosts& hosts_;
  std::string host_;
  base::Argv criu_;  // up to its arguments
};

}  // namespace ferry::bench
