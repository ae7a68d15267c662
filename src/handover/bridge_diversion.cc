// SPDX-License-Identifier: Apache-2.0
#include "handover/bridge_diversion.h"

#include <net/ethernet.h>
#include <sys/epoll.h>

#include <cerrno>

#include "base/error.h"
#include "handover/announcement.h"

namespace ferry::handover {

BridgeDiversion::BridgeDiversion(const std::string& bridge, const Identity& identity,
                                 std::string port)
    : tap_(std::in_place, bridge, kMostWaiting),
      ready_(::epoll_create1(EPOLL_CLOEXEC)),
      identity_(identity),
      port_(std::move(port)) {
  if (!ready_) throw base::SysError("epoll_create1", errno, bridge);
  watch(tap_->fd());
}

void BridgeDiversion::watch(int fd) const {
  epoll_event readable{EPOLLIN, {}};
  if (::epoll_ctl(ready_.get(), EPOLL_CTL_ADD, fd, &readable) < 0) throw base::SysError("epoll_ctl", errno, port_);
}

void BridgeDiversion::listen_to_workload() {
  if (!last_words_.empty()) return;  // of a freeze that was taken back
  for (const uint16_t protocol : {ETH_P_IP, ETH_P_IPV6}) watch(last_words_.emplace_back(port_, protocol).fd());
}

size_t BridgeDiversion::say_last_words(bool aloud) {
  size_t said = 0;
  for (auto& words : last_words_) {
    words.take([&](Frame frame, const kernel::Unfinished& unfinished) {
      if (!aloud || sender_of(frame) != identity_.mac) return;
      tap_->write(frame, unfinished);
      ++said;
    });
  }
  return said;
}

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
