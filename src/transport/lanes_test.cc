// SPDX-License-Identifier: Apache-2.0
#include "transport/lanes.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/error.h"
#include "base/fd.h"

namespace ferry::transport {
namespace {

using base::milliseconds;
using base::mono_now;

TEST(Lanes, SeveralConnectWithTheSameKey) {
  Listener listener("127.0.0.1", {});
  const Key key = random_key();
  const Endpoint here{"127.0.0.1", listener.port()};
  std::thread target([&] {
    for (int i = 0; i < 3; ++i) {
      auto lane = accept_lane(listener, key, mono_now() + milliseconds(5000), kNoWake);
      ASSERT_TRUE(lane);
      Frame frame;
      ASSERT_EQ(lane->recv(frame), Io::kDone);
      EXPECT_EQ(frame.type, FrameType::kPages);
      EXPECT_EQ(lane->send(FrameType::kMessage, frame.text()), Io::kDone);
    }
  });
  for (int i = 0; i < 3; ++i) {
    Link lane = open_lane(here, key);
    const std::string word = "lane " + std::to_string(i);
    ASSERT_EQ(lane.send(FrameType::kPages, word), Io::kDone);
    Frame answer;
    ASSERT_EQ(lane.recv(answer), Io::kDone);
    EXPECT_EQ(answer.text(), word);
  }
  target.join();
}

TEST(Lanes, AStrangerIsDroppedAndTheNextOneGetsIn) {
  Listener listener("127.0.0.1", {});
  const Key key = random_key();
  const Endpoint here{"127.0.0.1", listener.port()};
  std::thread target([&] { EXPECT_TRUE(accept_lane(listener, key, mono_now() + milliseconds(5000), kNoWake)); });
  EXPECT_THROW(open_lane(here, random_key()), base::Error);
  EXPECT_NO_THROW(open_lane(here, key));
  target.join();
}

TEST(Lanes, WaitingEndsAtTheDeadlineAndWhenWoken) {
  Listener listener("127.0.0.1", {});
  EXPECT_FALSE(accept_lane(listener, random_key(), mono_now() + milliseconds(10), kNoWake));
  base::FdPair wake = base::make_pipe();
  base::write_full(wake.second.get(), std::string_view("x"));
  EXPECT_FALSE(accept_lane(listener, random_key(), kNoDeadline, wake.first.get()));
}

}  // namespace
}  // namespace ferry::transport
