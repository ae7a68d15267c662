// SPDX-License-Identifier: Apache-2.0
//
// The loop, the schedule and the clock; what happens on a connection is in engine_slot.cc.
#include "load/engine.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/epoll.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "base/clock.h"
#include "base/error.h"

namespace ferry::load {
namespace {

constexpr uint32_t kStopTag = std::numeric_limits<uint32_t>::max();  // not a slot
constexpr int kEventsAtOnce = 256;  // then the schedule is looked at again
constexpr int64_t kConnectFirstNs =
    1'000'000'000;                           // for all connections to open before the run begins
constexpr int64_t kProgressNs = 250'000'000;

}  // namespace

Engine::Engine(const Options& options, int stop_fd)
    : options_(options),
      stop_fd_(stop_fd),
      target_(parse_url(options.url)),
      address_(resolve(target_)),
      schedule_(options.rate, options.duration),
      timeout_ns_(options.timeout.count()),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      slots_(static_cast<size_t>(options.connections)),
      recorder_(schedule_.count()) {
  if (!epoll_) throw base::SysError("epoll_create1", errno, "for a load test");
  make_slots();
  if (stop_fd_ < 0) return;
  epoll_event event{.events = EPOLLIN, .data = {.u32 = kStopTag}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, stop_fd_, &event) != 0) {
    throw base::SysError("epoll_ctl", errno, "the descriptor that ends a load test");
  }
}

void Engine::make_slots() {
  auto codecs = make_codecs(target_,
                            {.keep_alive = !options_.new_connections,
                             .keep_body = options_.check != nullptr,
                             .counter = options_.counter},
                            slots_.size());
  for (uint32_t slot = 0; slot < slots_.size(); ++slot) {
    slots_[slot].codec = std::move(codecs[slot]);
    free_.push_back(slot);
  }
  if (options_.counter) ledger_.expect(schedule_.count());
}

Result Engine::run() {
  if (!options_.new_connections) connect_all();
  recorder_.result().real_offset_ns = real_offset_ns();
  recorder_.begin(base::mono_ns());
  next_progress_ns_ = recorder_.result().start_ns + kProgressNs;
  loop();
  return result();
}

// So that the first requests do not pay for the connections. Those that fail are tried again by
// requests.
void Engine::connect_all() {
  const int64_t deadline = base::mono_ns() + kConnectFirstNs;
  for (uint32_t slot = 0; slot < slots_.size(); ++slot) (void)start_connecting(slot);
  while (connecting_ > 0 && !stopping_ && base::mono_ns() < deadline) wait(deadline);
}

void Engine::loop() {
  while (true) {
    const int64_t now = base::mono_ns();
    take_due(now);
    expire(now);
    dispatch();
    if (options_.progress && now >= next_progress_ns_) report_progress(now);
    if (finished(now)) break;
    wait(next_wakeup(now));
  }
  abandon_all(base::mono_ns());
}

bool Engine::finished(int64_t now) const {
  const bool idle = queue_.empty() && busy_ == 0;
  if (stopping_) return idle || now >= give_up_ns_;
  return idle && next_ == schedule_.count();
}

int64_t Engine::next_wakeup(int64_t now) const {
  int64_t next = now + kProgressNs;
  if (!stopping_ && next_ < schedule_.count()) {
    next = std::min(next, recorder_.result().start_ns + schedule_.due_ns(next_));
  }
  if (!queue_.empty()) next = std::min(next, queue_.front() + timeout_ns_);
  if (!flights_.empty()) next = std::min(next, flights_.front().deadline_ns);
  if (stopping_) next = std::min(next, give_up_ns_);
  return next;
}

// epoll_wait counts in whole milliseconds, and epoll_pwait2 needs Linux 5.11; ppoll on the epoll
// itself is exact everywhere.
void Engine::wait(int64_t until_ns) {
  const int64_t left = std::max<int64_t>(0, until_ns - base::mono_ns());
  const timespec timeout{.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
  pollfd ready{.fd = epoll_.get(), .events = POLLIN, .revents = 0};
  if (::ppoll(&ready, 1, &timeout, nullptr) <= 0) return;
  std::array<epoll_event, kEventsAtOnce> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), kEventsAtOnce, 0);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    if (event.data.u32 == kStopTag) {
      stop(base::mono_ns());
    } else {
      handle(event.data.u32, event.events);
    }
  }
}

void Engine::stop(int64_t now) {
  stopping_ = true;
  give_up_ns_ = now + options_.grace.count();
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, stop_fd_, nullptr);  // it stays readable
}

void Engine::take_due(int64_t now) {
  while (!stopping_ && next_ < schedule_.count()) {
    const int64_t due = recorder_.result().start_ns + schedule_.due_ns(next_);
    if (due > now) return;
    ++next_;
    recorder_.due(due, now);
    if (queue_.size() < options_.queue_limit) {
      queue_.push_back(due);
    } else {
      recorder_.done({.due_ns = due, .done_ns = now, .outcome = Outcome::kOverflow},
                     fmt::format("{} requests were waiting for a connection", queue_.size()));
    }
  }
}

void Engine::dispatch() {
  while (!queue_.empty() && !free_.empty()) {
    const uint32_t slot = free_.front();
    free_.pop_front();
    const int64_t due = queue_.front();
    queue_.pop_front();
    begin(slot, due);
  }
}

// Deadlines come in the order in which requests were due, and so are both queues.
void Engine::expire(int64_t now) {
  while (!queue_.empty() && queue_.front() + timeout_ns_ <= now) {
    recorder_.done({.due_ns = queue_.front(), .done_ns = now, .outcome = Outcome::kTimeout},
                   "no connection was free in time");
    queue_.pop_front();
  }
  while (!flights_.empty()) {
    const Flight flight = flights_.front();
    const Slot& slot = slots_[flight.slot];
    const bool open = slot.busy && slot.number == flight.number;
    if (open && flight.deadline_ns > now) return;
    flights_.pop_front();
    if (open) fail(flight.slot, Outcome::kTimeout, "no answer in time");
  }
}

void Engine::abandon_all(int64_t now) {
  for (; !queue_.empty(); queue_.pop_front()) {
    recorder_.done({.due_ns = queue_.front(), .done_ns = now, .outcome = Outcome::kAbandoned});
  }
  for (uint32_t slot = 0; slot < slots_.size(); ++slot) {
    if (slots_[slot].busy) fail(slot, Outcome::kAbandoned, "");
  }
}

void Engine::report_progress(int64_t now) {
  const Result& so_far = recorder_.result();
  options_.progress({.elapsed_s = static_cast<double>(now - so_far.start_ns) / 1e9,
                     .sent = so_far.sent,
                     .ok = so_far.ok(),
                     .errors = so_far.errors(),
                     .waiting = queue_.size() + busy_,
                     .recent_worst_ms = static_cast<double>(recent_worst_ns_) / 1e6});
  recent_worst_ns_ = 0;
  next_progress_ns_ = now + kProgressNs;
}

Result Engine::result() {
  Result result = std::move(recorder_.result());
  result.setup = {without_password(options_.url), options_.rate, options_.connections,
                  options_.new_connections, timeout_ns_};
  result.real_step_ns = real_offset_ns() - result.real_offset_ns;
  if (options_.counter) result.counter = ledger_.report();
  return result;
}

}  // namespace ferry::load
