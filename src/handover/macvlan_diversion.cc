// SPDX-License-Identifier: Apache-2.0
#include "handover/macvlan_diversion.h"

#include <net/ethernet.h>

#include <algorithm>

namespace ferry::handover {

// A frame to many, too, is for the workload alone now: the others have had it.
void MacvlanDiversion::give(Frame frame) {
  given_.assign(reinterpret_cast<const char*>(frame.data()), frame.size());
  std::ranges::copy(mac().bytes, given_.begin());
  std::ranges::copy(giver_.bytes, given_.begin() + ETH_ALEN);
  tap().write(std::as_bytes(std::span(given_)));
}

void MacvlanDiversion::lead_to_workload() {
  if (barrier_) barrier_->open();
  loosen();
}

}  // namespace ferry::handover
