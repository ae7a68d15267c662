// SPDX-License-Identifier: Apache-2.0
#include "migration/memory_arrival.h"

#include <algorithm>
#include <set>
#include <thread>

#include "base/log.h"
#include "base/units.h"
#include "base/usage.h"
#include "criu/lazy_pages_socket.h"
#include "criu/premapped_socket.h"
#include "memory/codec.h"
#include "migration/conversation.h"
#include "runtime/workload.h"

namespace ferry::migration {

using base::milliseconds;
using base::mono_now;

namespace {

constexpr milliseconds kPrefillLimit{10'000};  // of a few pages
constexpr milliseconds kSettlePoll{200};
constexpr milliseconds kArrivalPoll{5};
// A GiB takes about a second on a slow host; a workload that has not settled after so long never will.
constexpr milliseconds kEarlierMoveSettles{10 * 60'000};

memory::Settling::Options settling_options(const wire::Plan& plan) {
  memory::Settling::Options options;
  options.name = runtime::lock_name(plan.name());  // what the next move of it asks for
  options.job = plan.job();
  return options;
}

memory::PageSet pages_of(const std::string& told) { return memory::PageSet::decode(std::as_bytes(std::span(told))); }

}  // namespace

MemoryArrival::MemoryArrival(const wire::Plan& plan, const base::Path& lazy_pages_directory)
    : settling_(memory::Settling::start(store_, {criu::listen_lazy_pages(lazy_pages_directory), criu::listen_premapped(lazy_pages_directory)},
                                        settling_options(plan))) {}

void MemoryArrival::expect_lanes(transport::Listener& listener, const transport::Key& key, int lanes) {
  lanes_.emplace(listener, key, lanes, [this](std::span<const std::byte> payload, unsigned round) { put(payload, round); });
}

void MemoryArrival::put(std::span<const std::byte> payload, unsigned round) {
  thread_local memory::Decoder decoder;
  const memory::Decoded& batch = decoder.decode(payload);
  auto data = batch.data;
  for (const memory::Run& run : batch.runs) {
    if (run.zero) {
      store_.put_zero(batch.space, run.range);
      continue;
    }
    store_.put(batch.space, run.range.start, data.first(run.range.bytes()), round);
    data = data.subspan(run.range.bytes());
  }
}

void MemoryArrival::apply(const wire::Restore& request) {
  std::set<int32_t> alive;
  for (const auto& space : request.memory()) {
    alive.insert(space.pid());
    apply(space);
  }
  for (const auto& plan : store_.plans()) {
    if (!alive.contains(plan.pid)) store_.forget(plan.pid);
  }
}

void MemoryArrival::apply(const wire::TaskMemory& space) {
  for (const auto& range : pages_of(space.dropped())) store_.drop(space.pid(), range);
  const auto first = pages_of(space.first());
  store_.set_first(space.pid(), {first.begin(), first.end()});
}

void MemoryArrival::fill_reserve(criu::Reserve& reserve, const wire::FrozenMemory& frozen) {
  reserve_filler_.reset();
  // What comes through the SSH pipe comes behind this word, and nothing says when it is all there.
  if (!lanes_ || lanes_->lanes() == 0 || std::exchange(had_reserve_, true)) return;
  std::vector<ReservedArea> areas;
  for (const auto& area : frozen.areas()) {
    const bool is_next = area.start() < area.end() && (areas.empty() || area.start() >= areas.back().range.end);
    if (!is_next || (area.start() | area.end()) % memory::kPageBytes != 0) throw BrokenProtocol("an impossible area of memory");
    areas.push_back({{area.start(), area.end()}, area.unaccounted() ? memory::kUnaccounted : memory::kAccounted});
  }
  apply(frozen.memory());
  const unsigned marks = frozen.marks() * static_cast<unsigned>(lanes_->lanes());
  const auto all_has_come = [&lanes = *lanes_, marks] { return lanes.marks() >= marks; };
  reserve_filler_.emplace(reserve, store_, frozen.memory().pid(), std::move(areas), all_has_come);
}

void MemoryArrival::serve(const wire::Restore& request) {
  if (reserve_filler_) reserve_filler_->publish();
  reserve_filler_.reset();
  apply(request);
  memory::Settling::Far far;
  for (const auto& space : request.memory()) {
    if (!space.far().empty()) far.emplace(space.pid(), pages_of(space.far()));
  }
  const auto tasks = static_cast<size_t>(request.memory_size());
  if (far.empty()) return settling_.serve(store_, far, tasks);
  auto links = lanes_->release();
  if (static_cast<int>(links.size()) < kFewestPullLanes) throw BrokenProtocol("pages are far, and there is no way to them");
  settling_.serve(store_, far, tasks);
  puller_.emplace(settling_.pull_access(), std::move(links));
}

void MemoryArrival::prefill() { settling_.prefill(mono_now() + kPrefillLimit); }

void MemoryArrival::begin_fill() {
  began_ = mono_now();
  settling_.begin_fill();
  lanes_.reset();  // which takes milliseconds: not within the pause
}

uint64_t MemoryArrival::wait_until_arrived() {
  while (puller_->state() == PagePuller::State::kPulling) std::this_thread::sleep_for(kArrivalPoll);
  if (puller_->state() == PagePuller::State::kCutOff) throw LinkLost("the source", puller_->why_cut_off());
  return puller_->bytes_total();
}

wire::Settled MemoryArrival::wait_until_settled() {
  while (!settling_.wait_settled(mono_now() + kSettlePoll)) {
    if (settling_.progress().lost || !settling_.is_alive()) break;
  }
  const auto progress = settling_.progress();
  wire::Settled settled;
  settled.set_settle_ms(base::ms_between(began_, mono_now()));
  settled.set_bytes(progress.bytes_total);
  settled.set_faults(progress.faults);
  settled.set_worst_fault_ms(static_cast<double>(progress.worst_fault_us) / 1000);
  settled.set_lost(!progress.settled);
  settled.set_left_at_resume(progress.left_at_resume);
  const base::Usage usage = base::own_usage();
  settled.set_cpu_ms(usage.cpu_ms + progress.cpu_ms);
  settled.set_peak_rss_bytes(usage.peak_rss_bytes);
  return settled;
}

void MemoryArrival::abort() noexcept {
  try {
    puller_.reset();
    settling_.abort();
  } catch (const std::exception& failure) {
    base::log("ending the filler: {}", failure.what());
  }
}

void wait_for_settling(const std::string& name, int wake_fd, const std::function<void(std::string_view)>& notice) {
  const auto deadline = mono_now() + kEarlierMoveSettles;
  bool told = false;
  for (;;) {
    const auto progress = memory::find_settling(name);
    if (!progress) return;
    if (!told) notice(fmt::format("{} has just arrived here: waiting until its memory is in place ({} left)", name, base::format_bytes(progress->bytes_left)));
    told = true;
    if (mono_now() > deadline) {
      base::refuse(fmt::format("cannot move {}", name), fmt::format("its memory is still being put in place from an earlier move: {}", progress->trouble));
    }
    if (wake_fd >= 0 && base::wait_readable(wake_fd, static_cast<int>(kSettlePoll.count()))) throw Cancelled();
  }
}

}  // namespace ferry::migration
