// SPDX-License-Identifier: Apache-2.0
#include "handover/network_barrier.h"

#include "base/error.h"
#include "kernel/named_network.h"
#include "kernel/namespaces.h"

namespace ferry::handover {

NetworkBarrier::NetworkBarrier(int netns) {
  kernel::in_network_namespace(netns, [this] { tables_.emplace(); });
}

std::string why_no_network_barrier() {
  try {
    NetworkBarrier(kernel::make_network().get()).shut();
    return "";
  } catch (const base::SysError& refused) {
    return refused.what();
  }
}

}  // namespace ferry::handover
