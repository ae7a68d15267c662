// SPDX-License-Identifier: Apache-2.0
//
// One reason why a workload cannot move. They are collected, not thrown: whoever is refused wants to know all of them at once.
#pragma once

#include <string>
#include <vector>

namespace ferry::process {

struct Reason {
  std::string what;    // "redis-server (pid 13) has fd 7 open on /dev/kvm"
  std::string why;     // why that stands in the way
  std::string remedy;  // what to do about it
  bool operator==(const Reason&) const = default;
};
using Reasons = std::vector<Reason>;

}  // namespace ferry::process
