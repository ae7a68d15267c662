// SPDX-License-Identifier: Apache-2.0
#include "handover/bridge_diversion.h"

#include "handover/announcement.h"

namespace ferry::handover {

BridgeDiversion::BridgeDiversion(const std::string& bridge, const Identity& identity,
                                 std::string port)
    : tap_(std::in_place, bridge, kMostWaiting), identity_(identity), port_(std::move(port)) {}

// Not what the workload itself says to all, which comes here, too.
bool BridgeDiversion::is_for_workload(Frame frame) const {
  return sender_of(frame) != identity_.mac && (is_to_many(frame) || is_for_it_alone(frame));
}

void BridgeDiversion::give(Frame frame) {
  if (!workload_) workload_.emplace(port_);
  workload_->send(frame);
}

void BridgeDiversion::announce() {
  for (const auto& told : announcements(identity_)) tap_->write(std::as_bytes(std::span(told)));
}

void BridgeDiversion::lead_to_workload() {
  kernel::Netlink().direct(port_, identity_.mac, kernel::Netlink::Hold::kNo);
}

}  // namespace ferry::handover
