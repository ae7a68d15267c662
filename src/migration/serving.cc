// SPDX-License-Identifier: Apache-2.0
#include "migration/serving.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "migration/page_puller.h"
#include "transport/bootstrap.h"

namespace ferry::migration {

using base::milliseconds;
using transport::Io;

namespace {

constexpr milliseconds kServingLook{100};  // for a lane that has ended
constexpr milliseconds kLastWords{2'000};  // of a target that has closed its lanes: that it has all
constexpr milliseconds kTargetPreparesAgain{30'000};  // an earlier ferry there may have to be ended
constexpr milliseconds kFirstRedial{250}, kLongestRedial{5'000};

}  // namespace

struct Serving::Connection {
  transport::Peer peer;
  Conversation talk;
  Connection(transport::Peer made, const std::string& host, int wake_fd)
      : peer(std::move(made)), talk(peer.link, host, wake_fd) {}
};

Serving::Serving(const MoveOptions& contact, std::string job, ServedSpaces spaces,
                 std::function<void(std::string_view)> notice)
    : contact_(contact),
      job_(std::move(job)),
      spaces_(std::move(spaces)),
      notice_(std::move(notice)) {}

Serving::~Serving() = default;

void Serving::begin(Conversation& talk, std::vector<transport::Link> lanes) {
  talk_ = &talk;
  server_.emplace(spaces_, std::move(lanes), contact_.bandwidth);
}

void Serving::connect() {
  transport::ConnectOptions how;
  how.ssh_options = contact_.ssh_options;
  how.ports = contact_.ports;
  how.wake_fd = contact_.wake_fd;
  const auto destination = transport::parse_destination(contact_.destination);
  auto made = std::make_unique<Connection>(
      transport::connect(destination, how, [](std::string_view) {}), destination.host,
      contact_.wake_fd);
  if (made->peer.way != transport::Way::kDirect) {
    throw base::Error({fmt::format("cannot send memory to {}", destination.host),
                       "it cannot be reached directly any more, only through SSH", "", {}, {}});
  }
  const int lanes = std::max(contact_.lanes, kFewestPullLanes);
  wire::ToTarget offer;
  offer.mutable_serve_pages()->set_job(job_);
  offer.mutable_serve_pages()->set_lanes(lanes);
  made->talk.send(offer);
  const auto answer = made->talk.receive_from_target(kTargetPreparesAgain, "its preparations");
  not_needed_ = answer.has_arrived();
  std::vector<transport::Link> opened;
  for (int i = 0; i < lanes && !not_needed_; ++i) {
    opened.push_back(transport::open_lane(made->peer.endpoint, made->peer.key));
  }
  connection_ = std::move(made);
  talk_ = &connection_->talk;
  if (!not_needed_) server_.emplace(spaces_, std::move(opened), contact_.bandwidth);
}

void Serving::stop() {
  bytes_before_ = bytes_sent();
  served_before_ = bytes_served();
  server_.reset();
}

void Serving::hang_up() {
  stop();
  talk_ = nullptr;
  connection_.reset();
}

void Serving::wait_until_arrived(milliseconds patience,
                                 const std::function<void(uint64_t)>& progress) {
  if (talk_ == nullptr) connect();
  for (;;) {
    std::string why;
    try {
      if (has_arrived(progress)) return;
      why = server_->why_cut_off();
    } catch (const Cancelled&) {
      throw;
    } catch (const std::exception& failure) {
      why = failure.what();
    }
    hang_up();
    connect_again(patience, why);
  }
}

// False: the connection was cut.
bool Serving::has_arrived(const std::function<void(uint64_t)>& progress) {
  transport::Frame frame;
  while (!not_needed_) {
    const bool cut_off = server_->is_cut_off();
    const auto until = base::mono_now() + (cut_off ? kLastWords : kServingLook);
    const Io received = talk_->link().recv(frame, until, contact_.wake_fd);
    if (received == Io::kWoken) throw Cancelled();
    if (received == Io::kClosed) throw LinkLost(talk_->peer(), talk_->link().close_reason());
    progress(bytes_served());
    if (received == Io::kTimeout) {
      if (cut_off) return false;
      continue;
    }
    wire::ToSource message;
    if (!message.ParseFromString(std::string(frame.text()))) {
      throw BrokenProtocol("a message cannot be read");
    }
    if (message.has_failure()) throw PeerFailure(message.failure());
    not_needed_ = message.has_arrived();
  }
  return true;
}

void Serving::connect_again(milliseconds patience, const std::string& why) {
  const auto destination = transport::parse_destination(contact_.destination);
  notice_(fmt::format("lost the connection to {}, which still needs memory from here: trying for {} s ({})",
                      destination.host, std::chrono::duration_cast<std::chrono::seconds>(patience).count(), why));
  const auto deadline = base::mono_now() + patience;
  for (auto wait = kFirstRedial;; wait = std::min(2 * wait, kLongestRedial)) {
    try {
      connect();
      return notice_(fmt::format("connected to {} again", destination.host));
    } catch (const base::Error& failure) {
      if (exit_of(failure) == base::Exit::kCancelled) throw Cancelled();
      if (base::mono_now() >= deadline) throw;
      base::log("{}", failure.what());
    }
    const int ms = std::min(static_cast<int>(wait.count()), base::ms_until(deadline));
    if (contact_.wake_fd >= 0 ? base::wait_readable(contact_.wake_fd, ms)
                              : (std::this_thread::sleep_for(milliseconds(ms)), false)) {
      throw Cancelled();
    }
  }
}

}  // namespace ferry::migration
