// SPDX-License-Identifier: Apache-2.0
#include "faults/neighbourhood.h"

#include <fmt/format.h>

namespace ferry::faults {

Neighbourhood::Neighbourhood(const Outside& outside, std::vector<std::string> hosts) : outside_(outside), hosts_(std::move(hosts)) {
  for (const auto& host : hosts_) {
    outside_.in_network_of(host, [this](kernel::Netlink& net) {
      for (const auto& one : net.neighbours()) true_[one.address].insert(one.mac);
      for (const auto& address : net.addresses()) {
        for (const auto& link : net.links()) {
          if (link.index == address.link) true_[address.prefix.address].insert(link.mac);
        }
      }
    });
  }
}

std::string Neighbourhood::what_is_wrong() const {
  std::string wrong;
  for (const auto& host : hosts_) {
    outside_.in_network_of(host, [&](kernel::Netlink& net) {
      for (const auto& one : net.neighbours()) {
        const auto known = true_.find(one.address);
        if (known == true_.end() || known->second.contains(one.mac)) continue;
        wrong += fmt::format("{} believes {} to be at {} ", host, one.address.text(), one.mac.text());
      }
    });
  }
  return wrong;
}

}  // namespace ferry::faults
