// SPDX-License-Identifier: Apache-2.0
#include "handover/ingress_tap.h"

#include <net/ethernet.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "kernel/ip_settings.h"

namespace ferry::handover {

IngressTap::IngressTap(const std::string& pattern, const std::string& link, int queue_frames,
                       kernel::Tap::Large large)
    : link_(link), tap_(pattern, large), buffer_(kernel::kMostFrameBytes) {
  const auto there = host_.find_link(link);
  if (!there) throw base::SysError("netlink", ENODEV, link);
  kernel::disable_ipv6(tap_.name());
  host_.set_mtu(tap_.name(), there->mtu);
  host_.set_queue_length(tap_.name(), queue_frames);
  host_.redirect_ingress(tap_.name(), link);
  const auto made = host_.find_link(tap_.name()).value();
  place_ = {made.index, made.mac};
}

IngressTap::IngressTap(base::Fd shared, std::string link)
    : link_(std::move(link)), tap_(std::move(shared)), buffer_(kernel::kMostFrameBytes) {
  const auto made = host_.find_link(tap_.name());
  if (!made) throw base::SysError("netlink", ENODEV, tap_.name());
  place_ = {made->index, made->mac};
}

size_t IngressTap::take(size_t most, const Take& each) {
  size_t taken = 0;
  for (; taken < most; ++taken) {
    kernel::Unfinished unfinished;
    const auto frame = tap_.try_read(buffer_, unfinished);
    if (!frame) break;
    each(*frame, unfinished);
  }
  return taken;
}

void IngressTap::give(Frame frame, const kernel::Unfinished& unfinished) {
  given_.assign(reinterpret_cast<const char*>(frame.data()), frame.size());
  for (size_t at : {0, ETH_ALEN})
    std::ranges::copy(place_.mac.bytes, given_.begin() + static_cast<std::ptrdiff_t>(at));
  tap_.write(std::as_bytes(std::span(given_)), unfinished);
}

}  // namespace ferry::handover
