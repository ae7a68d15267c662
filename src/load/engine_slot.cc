// SPDX-License-Identifier: Apache-2.0
//
// One slot's life: connect, send, read, and the end of its request.
#include <fmt/format.h>
#include <sys/epoll.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/clock.h"
#include "base/error.h"
#include "load/engine.h"

namespace ferry::load {
namespace {

constexpr size_t kQuotedBody = 80;  // bytes of a wrong answer in its message


}  // namespace

void Engine::watch(uint32_t slot, int operation, uint32_t events) {
  epoll_event event{.events = events, .data = {.u32 = slot}};
  if (::epoll_ctl(epoll_.get(), operation, slots_[slot].connection.fd(), &event) != 0) {
    throw base::SysError("epoll_ctl", errno, "a connection of a load test");
  }
}

// Returns 0 or an errno.
int Engine::start_connecting(uint32_t index) {
  Slot& slot = slots_[index];
  if (const int error = slot.connection.connect(address_)) return error;
  ++connecting_;
  slot.unused = true;
  watch(index, EPOLL_CTL_ADD, EPOLLOUT);
  return 0;
}

void Engine::begin(uint32_t index, int64_t due_ns) {
  Slot& slot = slots_[index];
  slot.busy = true;
  ++busy_;
  slot.sample = {.due_ns = due_ns};
  slot.written = 0;
  slot.request = slot.codec->begin(
      numbered_, slot.unused || slot.connection.state() == Connection::State::kClosed);
  slot.number = ++numbered_;
  flights_.push_back({due_ns + timeout_ns_, index, slot.number});
  if (slot.connection.state() == Connection::State::kOpen) return write(index);
  if (slot.connection.state() == Connection::State::kConnecting) return;
  if (const int error = start_connecting(index)) fail_io(index, error, "connecting");
}

void Engine::handle(uint32_t index, uint32_t events) {
  Slot& slot = slots_[index];
  if (slot.connection.state() == Connection::State::kClosed) return;
  if (slot.connection.state() == Connection::State::kConnecting) return opened(index);
  if (events & EPOLLOUT) {
    watch(index, EPOLL_CTL_MOD, EPOLLIN);
    return write(index);
  }
  read(index);
}

void Engine::opened(uint32_t index) {
  Slot& slot = slots_[index];
  const int error = slot.connection.finish_connect();
  if (error != 0) {
    if (slot.busy) return fail_io(index, error, "connecting");
    return disconnect(index);
  }
  --connecting_;
  ++recorder_.result().connects;
  watch(index, EPOLL_CTL_MOD, EPOLLIN);
  if (slot.busy) write(index);
}

void Engine::write(uint32_t index) {
  Slot& slot = slots_[index];
  const int64_t now = base::mono_ns();
  const Io io = slot.connection.send(slot.request.substr(slot.written));
  if (io.error != 0) return fail_io(index, io.error, "sending");
  if (io.bytes > 0 && slot.sample.sent_ns < 0) {
    slot.sample.sent_ns = now;
    slot.unused = false;
    slot.floor = ledger_.floor();
    recorder_.sent();
  }
  slot.written += io.bytes;
  if (slot.written < slot.request.size()) watch(index, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
}

void Engine::read(uint32_t index) {
  Slot& slot = slots_[index];
  const Io io = slot.connection.receive(buffer_);
  const int64_t now = base::mono_ns();
  recorder_.result().bytes_received += io.bytes;
  if (!slot.busy) {  // an idle connection: it has ended, or the service talks without being asked
    if (io.bytes > 0) ++recorder_.result().unsolicited;
    if (io.bytes > 0 || io.end || io.error != 0) disconnect(index);
    return;
  }
  if (io.error != 0) return fail_io(index, io.error, "waiting for the answer");
  if (io.bytes == 0 && !io.end) return;
  const auto state = io.end ? slot.codec->end_of_stream()
                            : slot.codec->feed(std::string_view(buffer_.data(), io.bytes));
  if (state == AnswerState::kDone) return answered(index, now);
  if (state == AnswerState::kMore) return;
  fail(index, io.end ? Outcome::kReset : Outcome::kWrongAnswer, slot.codec->complaint());
}

// What is wrong with a whole answer, if anything.
std::optional<std::string> Engine::verdict(Slot& slot) {
  const Codec& codec = *slot.codec;
  std::optional<std::string> complaint = codec.wrong();
  if (options_.counter && codec.takes_number()) {
    if (complaint) {
      ledger_.lost();
    } else {
      complaint = ledger_.take(codec.number(), slot.floor);
    }
  }
  if (!complaint && options_.check) complaint = options_.check(codec.body());
  return complaint;
}

void Engine::answered(uint32_t index, int64_t now) {
  Slot& slot = slots_[index];
  const auto complaint = verdict(slot);
  slot.sample.done_ns = now;
  slot.sample.outcome = complaint ? Outcome::kWrongAnswer : Outcome::kOk;
  if (complaint) {
    recorder_.done(slot.sample, fmt::format("{}: \"{}\"", *complaint,
                                            slot.codec->body().substr(0, kQuotedBody)));
  } else {
    recent_worst_ns_ = std::max(recent_worst_ns_, slot.sample.latency_ns());
    recorder_.done(slot.sample);
  }
  if (slot.codec->surplus() > 0) ++recorder_.result().unsolicited;
  if (options_.new_connections) {
    slot.connection.close_hard();
  } else if (!slot.codec->keep_alive() || slot.codec->surplus() > 0) {
    slot.connection.close();
  }
  release(index);
}

void Engine::fail(uint32_t index, Outcome outcome, std::string_view message) {
  Slot& slot = slots_[index];
  if (options_.counter && slot.codec->takes_number() && slot.sample.sent_ns >= 0) ledger_.lost();
  slot.sample.done_ns = base::mono_ns();
  slot.sample.outcome = outcome;
  recorder_.done(slot.sample, message);
  disconnect(index);
  release(index);
}

void Engine::fail_io(uint32_t index, int error, std::string_view doing) {
  fail(index, outcome_of(error),
       fmt::format("{}: {}", doing, std::generic_category().message(error)));
}

// Later requests connect again.
void Engine::disconnect(uint32_t index) {
  Connection& connection = slots_[index].connection;
  if (connection.state() == Connection::State::kConnecting) --connecting_;
  connection.close();
}

void Engine::release(uint32_t index) {
  slots_[index].busy = false;
  --busy_;
  free_.push_back(index);
}

}  // namespace ferry::load
