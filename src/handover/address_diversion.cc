// SPDX-License-Identifier: Apache-2.0
#include "handover/address_diversion.h"

#include <net/ethernet.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "handover/announcement.h"
#include "kernel/ipv6_settings.h"

namespace ferry::handover {

namespace {

constexpr const char* kTapPattern = "fya%d";

}  // namespace

AddressDiversion::AddressDiversion(const HostAddress& here, kernel::Nftables::Life life)
    : here_(here),
      life_(life),
      tap_(kTapPattern),
      segment_(here.link),
      buffer_(kernel::kMostFrameBytes) {
  const auto link = host_.find_link(here.link);
  if (!link) throw base::SysError("netlink", ENODEV, here.link);
  kernel::disable_ipv6(tap_.name());
  host_.set_mtu(tap_.name(), link->mtu);
  host_.set_queue_length(tap_.name(), kMostWaiting);
  host_.redirect_ingress(tap_.name(), here.link);
  const auto made = host_.find_link(tap_.name()).value();
  place_ = {made.index, made.mac};
  if (life_ == kernel::Nftables::Life::kLasting) {
    AddressBarrier(here_).shut(place_);
  } else {
    tables_.put_table(table_of(here_), {{kernel::LinkChain::Way::kIn, here_.link, {}}},
                      life_);  // where there can be none, that shows now and not in the pause
  }
}

void AddressDiversion::begin() {
  if (life_ == kernel::Nftables::Life::kWithThis)
    tables_.put_table(table_of(here_), barrier_chains(here_, place_), life_);
}

void AddressDiversion::give(Frame frame) {
  given_.assign(reinterpret_cast<const char*>(frame.data()), frame.size());
  for (size_t at : {0, ETH_ALEN})
    std::ranges::copy(place_.mac.bytes, given_.begin() + static_cast<std::ptrdiff_t>(at));
  tap_.write(std::as_bytes(std::span(given_)));
}

void AddressDiversion::announce() {
  for (const auto& told : announcements(claim_of(here_)))
    segment_.send(std::as_bytes(std::span(told)));
}

size_t AddressDiversion::take(size_t most, const Take& each) {
  size_t taken = 0;
  for (; taken < most; ++taken) {
    const auto frame = tap_.try_read(buffer_);
    if (!frame) break;
    if (!is_from(here_, *frame)) {
      each(*frame);
    } else if (held_.size() < static_cast<size_t>(kMostWaiting)) {
      held_.push_back(bytes_of(*frame));
    }
  }
  return taken;
}

void AddressDiversion::lead_to_workload() {
  tables_.delete_table(table_of(here_));
  for (const auto& frame : std::exchange(held_, {})) segment_.send(std::as_bytes(std::span(frame)));
}

}  // namespace ferry::handover
