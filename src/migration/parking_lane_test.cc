// SPDX-License-Identifier: Apache-2.0
//
// Two ends of a lane over pipes: what is said arrives in order, silence is noticed, a late listener is not taken for a silent peer.
#include "migration/parking_lane.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <memory>

#include "transport/channel_pipe.h"

namespace ferry::migration {
namespace {

using base::milliseconds;

struct Ends {
  transport::Link one, other;
};

Ends make_ends() {
  ::signal(SIGPIPE, SIG_IGN);
  auto there = base::make_pipe(), back = base::make_pipe();
  return {transport::Link(transport::make_pipe_channel(std::move(back.first), std::move(there.second))),
          transport::Link(transport::make_pipe_channel(std::move(there.first), std::move(back.second)))};
}

bool comes_true(const std::function<bool()>& condition) {
  const auto deadline = base::mono_now() + milliseconds(10'000);
  while (!condition()) {
    if (base::mono_now() > deadline) return false;
    std::this_thread::sleep_for(milliseconds(1));
  }
  return true;
}

TEST(ParkingLane, FramesArriveInOrderHoweverManyTheyAre) {
  auto ends = make_ends();
  std::atomic<size_t> frames = 0, bytes = 0;
  std::atomic<bool> in_order = true;
  ParkingLane hears(std::move(ends.other), -1, {[&](const wire::ParkingMessage& message) {
    for (const auto& frame : message.frames().frames()) {
      in_order = in_order && std::stoul(frame) == frames;
      bytes += frame.size();
      ++frames;
    }
  }, {}, {}, {}, {}});
  ParkingLane says(std::move(ends.one), -1, {[](const wire::ParkingMessage&) {}, {}, {}, {}, {}});
  constexpr size_t kFrames = 10'000;  // 15 MB: more than a message may have
  says.post([&] {
    std::vector<std::string> all;
    for (size_t i = 0; i < kFrames; ++i) {
      std::string frame = std::to_string(i);
      frame.resize(1500, ' ');
      all.push_back(std::move(frame));
    }
    says.send_frames(std::move(all));
  });
  EXPECT_TRUE(comes_true([&] { return frames == kFrames; }));
  EXPECT_TRUE(in_order);
  EXPECT_EQ(bytes, kFrames * 1500);
}

TEST(ParkingLane, APeerThatBeatsIsNotSilentAndOneThatDoesNotIs) {
  auto ends = make_ends();
  std::atomic<int> silences = 0;
  ParkingLane hears(std::move(ends.other), -1, {[](const wire::ParkingMessage&) {}, {}, [&] { ++silences; }, {}, {}});
  auto says = std::make_unique<ParkingLane>(std::move(ends.one), -1, ParkingLane::Handlers{[](const wire::ParkingMessage&) {}, {}, {}, {}, {}});
  EXPECT_EQ(hears.silent_for().count(), 0);  // nothing is expected yet
  hears.post([&] { hears.begin_beats(); });
  EXPECT_TRUE(comes_true([&] { return hears.silent_for() > 3 * ParkingLane::kBeat; }));
  EXPECT_GT(silences, 0);
  const auto longest = hears.silent_for();
  says->post([&] { says->begin_beats(); });
  EXPECT_TRUE(comes_true([&] { return hears.silent_for() < longest / 2; }));
}

TEST(ParkingLane, TheEndOfThePeerIsTheEndOfTheLaneButNotOfItsWork) {
  auto ends = make_ends();
  std::atomic<bool> ended = false, worked = false;
  ParkingLane hears(std::move(ends.other), -1, {[](const wire::ParkingMessage&) {}, {}, {}, {}, [&] { ended = true; }});
  { const ParkingLane says(std::move(ends.one), -1, {[](const wire::ParkingMessage&) {}, {}, {}, {}, {}}); }
  EXPECT_TRUE(hears.wait_for_end(milliseconds(10'000)));
  EXPECT_TRUE(ended);
  hears.post([&] { worked = true; });
  EXPECT_TRUE(comes_true([&] { return worked.load(); }));
}

}  // namespace
}  // namespace ferry::migration
