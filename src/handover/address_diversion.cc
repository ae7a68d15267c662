// SPDX-License-Identifier: Apache-2.0
#include "handover/address_diversion.h"

#include <utility>

#include "handover/announcement.h"

namespace ferry::handover {

namespace {

constexpr const char* kTapPattern = "fya%d";

}  // namespace

AddressDiversion::AddressDiversion(const HostAddress& here, kernel::Nftables::Life life)
    : here_(here), life_(life), tap_(kTapPattern, here.link, kMostWaiting), segment_(here.link) {
  if (life_ == kernel::Nftables::Life::kLasting) {
    AddressBarrier(here_).shut(tap_.place());
  } else {
    tables_.put_table(table_of(here_), {{kernel::LinkChain::Way::kIn, here_.link, {}}},
                      life_);  // where there can be none, that shows now and not in the pause
  }
}

void AddressDiversion::begin() {
  if (life_ == kernel::Nftables::Life::kWithThis)
    tables_.put_table(table_of(here_), barrier_chains(here_, tap_.place()), life_);
}

void AddressDiversion::announce() {
  for (const auto& told : announcements(claim_of(here_)))
    segment_.send(std::as_bytes(std::span(told)));
}

size_t AddressDiversion::take(size_t most, const Take& each) {
  return tap_.take(most, [&](Frame frame, const kernel::Unfinished&) {
    if (!is_from(here_, frame)) {
      each(frame);
    } else if (speaks_) {
      send_held();
      segment_.send(frame);
    } else if (held_.size() < static_cast<size_t>(kMostWaiting)) {
      held_.push_back(bytes_of(frame));
    }
  });
}

void AddressDiversion::lead_to_workload() {
  tables_.delete_table(table_of(here_));
  speaks_ = true;  // what came just before the table went
  send_held();
}

void AddressDiversion::send_held() {
  for (const auto& frame : std::exchange(held_, {})) segment_.send(std::as_bytes(std::span(frame)));
}

}  // namespace ferry::handover
