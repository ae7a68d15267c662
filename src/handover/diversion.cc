// SPDX-License-Identifier: Apache-2.0
#include "handover/diversion.h"

#include "handover/announcement.h"

namespace ferry::handover {

namespace {

// A flood of new frames must not keep the MAC here for ever: after so many the rest may be overtaken.
constexpr size_t kMostInOrder = 4 * static_cast<size_t>(kMostWaiting);

}  // namespace

Diversion::Diversion(const std::string& bridge, const Identity& identity) : tap_(bridge, kMostWaiting), identity_(identity) {}

void Diversion::hand_over(const std::string& link, const std::function<void(Frame)>& give) {
  size_t taken = 0;
  while (taken < kMostInOrder) {
    const size_t some = take(kMostAtOnce, give);
    if (some == 0) break;
    taken += some;
  }
  kernel::Netlink().direct(link, identity_.mac, kernel::Netlink::Hold::kNo);
  take(kMostWaiting, give);
}

void Diversion::announce() const {
  for (const auto& told : announcements(identity_)) tap_.write(std::as_bytes(std::span(told)));
}

std::string bytes_of(Frame frame) { return {reinterpret_cast<const char*>(frame.data()), frame.size()}; }

}  // namespace ferry::handover
