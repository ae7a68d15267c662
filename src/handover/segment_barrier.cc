// SPDX-License-Identifier: Apache-2.0
#include "handover/segment_barrier.h"

#include <fmt/format.h>

#include "base/error.h"
#include "kernel/nftables.h"

namespace ferry::handover {

void SegmentBarrier::shut(const std::string& bridge, const kernel::MacAddr& mac) const {
  const kernel::Netlink host;
  if (!host.find_link(bridge))
    base::refuse(fmt::format("there is no bridge {} here", bridge), "", "");
  std::vector<int> ports;  // of every bridge: one may lead to the other
  for (const auto& link : host.links()) {
    if (link.master != 0) ports.push_back(link.index);
  }
  try {
    kernel::Nftables().put_bridge_barrier(name_, mac, ports);
  } catch (const base::SysError& failure) {
    base::refuse(fmt::format("cannot keep quiet what is made on the bridge {}", bridge),
                 fmt::format("this kernel has no nf_tables for bridges: {}", failure.what()),
                 "use a kernel with CONFIG_NF_TABLES_BRIDGE, or a named network "
                 "(--network ns:/run/netns/NAME, docs/containers.md)");
  }
}

void SegmentBarrier::open() const { kernel::Nftables().delete_bridge_barrier(name_); }

}  // namespace ferry::handover
