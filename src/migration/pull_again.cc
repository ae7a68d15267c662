// SPDX-License-Identifier: Apache-2.0
#include "migration/pull_again.h"

#include <thread>

#include "capsule/spawn.h"
#include "migration/host.h"
#include "migration/logbook.h"
#include "migration/page_puller.h"
#include "transport/lanes.h"

namespace ferry::migration {

using base::milliseconds;

namespace {

constexpr milliseconds kLanesComeAgain{20'000};
constexpr milliseconds kPullPoll{20};
constexpr milliseconds kFillerChanges{2'000};  // a killed filler's guardian starts another
constexpr milliseconds kSettles{10 * 60'000};

// Nothing: it has settled or ended, and needs no pages.
std::optional<memory::PullAccess> find_access(const std::string& name, const std::string& job) {
  const auto deadline = base::mono_now() + kFillerChanges;
  for (;;) {
    if (auto access = memory::find_pull_access(name, job)) return access;
    if (!memory::find_settling(name) || base::mono_now() > deadline) return std::nullopt;
    std::this_thread::sleep_for(kPullPoll);
  }
}

void say_arrived(Conversation& talk, uint64_t bytes) {
  wire::ToSource answer;
  answer.mutable_arrived()->set_bytes(bytes);
  talk.send(answer);
}

std::vector<transport::Link> accept_lanes(transport::Accepted& source, int lanes) {
  std::vector<transport::Link> links;
  const auto deadline = base::mono_now() + kLanesComeAgain;
  while (static_cast<int>(links.size()) < lanes) {
    auto lane = transport::accept_lane(source.listener, source.key, deadline, transport::kNoWake);
    if (!lane) throw LinkLost("the source", "its lanes have not come");
    links.push_back(std::move(*lane));
  }
  return links;
}

void wait_until_arrived(const PagePuller& puller) {
  while (puller.state() == PagePuller::State::kPulling) std::this_thread::sleep_for(kPullPoll);
  if (puller.state() == PagePuller::State::kCutOff) {
    throw LinkLost("the source", puller.why_cut_off());
  }
}

}  // namespace

void pull_again(transport::Accepted& source, Conversation& talk, const wire::ServePages& offer) {
  capsule::check_name("job-" + offer.job());
  if (offer.lanes() < kFewestPullLanes || offer.lanes() > transport::kMostLanes) {
    throw BrokenProtocol("an impossible number of lanes");
  }
  const auto book = read_logbook(Role::kTarget, offer.job());
  if (!book) base::refuse("cannot fetch memory", "this host has no journal of that move");
  auto access = find_access(book->note.name, offer.job());
  if (!access) return say_arrived(talk, 0);
  const base::Fd state_fd = access->state.dup();
  const memory::SharedState settling(state_fd.get());
  wire::ToSource answer;
  answer.mutable_ready()->set_host(host_name());
  talk.send(answer);
  {
    PagePuller puller(std::move(*access), accept_lanes(source, offer.lanes()));
    wait_until_arrived(puller);
  }
  const auto arrived_at = base::mono_now();
  say_arrived(talk, settling->far_total);
  while (settling->outcome == memory::Outcome::kOpen && base::mono_now() < arrived_at + kSettles) {
    std::this_thread::sleep_for(kPullPoll);
  }
  answer.Clear();
  auto& settled = *answer.mutable_settled();
  settled.set_settle_ms(static_cast<double>(settling->fill_ended_ns - settling->fill_began_ns) / 1e6);
  settled.set_bytes(settling->bytes_total);
  settled.set_faults(settling->faults);
  settled.set_worst_fault_ms(static_cast<double>(settling->worst_fault_ns) / 1e6);
  settled.set_left_at_resume(settling->left_at_resume);
  settled.set_lost(settling->outcome != memory::Outcome::kSettled);
  talk.send(answer);
}

}  // namespace ferry::migration
