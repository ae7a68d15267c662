// SPDX-License-Identifier: Apache-2.0
//
// kcmp tells an order besides equality, so n processes take n log n questions: a vfork of one among hundreds is found
// within the pause too.
#include "memory/spaces.h"

#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

namespace ferry::memory {
namespace {

enum Order { kEqual = 0, kLess = 1, kGreater = 2, kUnknown = 3 };

Order compare(pid_t a, pid_t b) {
  const long result = ::syscall(SYS_kcmp, a, b, KCMP_VM, 0, 0);
  return result >= 0 && result <= 2 ? static_cast<Order>(result) : kUnknown;
}

bool is_there(pid_t pid) { return compare(pid, pid) == kEqual; }

using Group = std::vector<pid_t>;

struct Place {
  size_t index = 0;
  bool found = false;  // the group there has the same address space; else one goes in before it
};

// `groups` are in the kernel's order. Processes that turn out to have gone are taken out.
Place place_of(pid_t pid, std::vector<Group>& groups) {
  size_t low = 0, high = groups.size();
  while (low < high) {
    const size_t middle = (low + high) / 2;
    Group& group = groups[middle];
    switch (compare(group.front(), pid)) {
      case kEqual: return {middle, true};
      case kLess: low = middle + 1; break;
      case kGreater: high = middle; break;
      case kUnknown:
        group.erase(group.begin());
        if (group.empty()) std::erase(groups, group);
        low = 0, high = groups.size();
    }
  }
  return {low, false};
}

}  // namespace

std::vector<std::vector<pid_t>> group_by_space(const std::vector<pid_t>& pids) {
  std::vector<Group> groups;
  const bool has_kcmp = is_there(::getpid());
  for (const pid_t pid : pids) {
    if (!has_kcmp) {
      groups.push_back({pid});
    } else if (is_there(pid)) {
      const Place place = place_of(pid, groups);
      if (place.found) {
        groups[place.index].push_back(pid);
      } else {
        groups.insert(std::next(groups.begin(), static_cast<int>(place.index)), Group{pid});
      }
    }
  }
  std::ranges::sort(groups);
  return groups;
}

}  // namespace ferry::memory
