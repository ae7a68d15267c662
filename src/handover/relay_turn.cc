// SPDX-License-Identifier: Apache-2.0
#include "handover/relay_turn.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/log.h"

namespace ferry::handover {

RelayMail::RelayMail() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!fd_) throw base::SysError("eventfd", errno, "");
}

void RelayMail::post(std::string text) {
  const std::lock_guard lock(mutex_);
  if (!text.empty()) texts_.push_back(std::move(text));
  const uint64_t one = 1;
  if (::write(fd_.get(), &one, sizeof one) < 0) base::log("an eventfd is full");
}

std::vector<std::string> RelayMail::take() {
  const std::lock_guard lock(mutex_);
  uint64_t woken = 0;
  if (::read(fd_.get(), &woken, sizeof woken) < 0) return {};
  return std::exchange(texts_, {});
}

RelayTurn::RelayTurn() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!fd_) throw base::SysError("eventfd", errno, "");
}

void RelayTurn::end(const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (over_) return;
  why_ = why;
  over_ = true;
  const uint64_t one = 1;
  if (::write(fd_.get(), &one, sizeof one) < 0) base::log("an eventfd is full");
}

std::string RelayTurn::run(const std::function<void()>& one, const std::function<void()>& other) {
  const auto to_its_end = [this](const std::function<void()>& way) {
    try {
      way();
      end("");
    } catch (const std::exception& failure) {
      end(failure.what());
    }
  };
  std::thread beside(to_its_end, std::cref(other));
  to_its_end(one);
  beside.join();
  return why_;
}

void RelayTurn::listen(transport::Link& lane, int stop_fd,
                       const std::function<void(transport::Frame&)>& each,
                       const std::function<void()>& look) {
  transport::Frame frame;
  auto next = base::mono_now();
  while (!over_) {
    if (base::mono_now() >= next) {
      look();
      next = base::mono_now() + kRelayLook;
    }
    switch (lane.recv(frame, next, stop_fd)) {
      case transport::Io::kDone:
        each(frame);
        break;
      case transport::Io::kClosed:
        return end("the other end: " + lane.close_reason());
      case transport::Io::kWoken:
        return end("it was stopped");
      case transport::Io::kTimeout:
        break;
    }
  }
}

bool RelayTurn::send(transport::Link& lane, transport::FrameType type,
                     std::span<const std::byte> payload) {
  const auto sent = lane.send(type, payload, fd());
  if (sent == transport::Io::kDone) return true;
  if (sent != transport::Io::kWoken) end("the other end: " + lane.close_reason());
  return false;
}

bool RelayTurn::send(transport::Link& lane, PacketBatch& batch, std::atomic<uint64_t>& bytes) {
  if (batch.is_empty()) return true;
  bytes += batch.bytes().size();
  const bool is_sent = send(lane, transport::FrameType::kData, batch.bytes());
  batch.clear();
  return is_sent;
}

bool RelayTurn::send(transport::Link& lane, RelayMail& mail) {
  for (const auto& text : mail.take()) {
    if (!send(lane, transport::FrameType::kMessage, std::as_bytes(std::span(text)))) return false;
  }
  return true;
}

void RelayTurn::note(RelayRecord& record) const {
  record.bytes_in = bytes_in;
  record.bytes_out = bytes_out;
  record.dropped = dropped;
  write_relay(record);
}

}  // namespace ferry::handover
