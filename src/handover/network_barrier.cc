// SPDX-License-Identifier: Apache-2.0
#include "handover/network_barrier.h"

#include "kernel/namespaces.h"

namespace ferry::handover {

NetworkBarrier::NetworkBarrier(int netns) {
  kernel::in_network_namespace(netns, [this] { tables_.emplace(); });
}

}  // namespace ferry::handover
