// SPDX-License-Identifier: Apache-2.0
//
// Links over pipes and over TLS: whole frames, closes, deadlines, wake-ups, faults.
#include "transport/link.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <random>
#include <thread>

#include "base/error.h"
#include "base/fault.h"
#include "base/fd.h"
#include "transport/channel_pipe.h"
#include "transport/channel_tls.h"
#include "transport/test_link.h"

namespace ferry::transport {
namespace {

using base::milliseconds;
using base::mono_now;

struct Ends {
  Link left, right;
};

Ends pipe_ends() {
  ::signal(SIGPIPE, SIG_IGN);
  base::FdPair one = base::make_pipe(), two = base::make_pipe();
  return {Link(make_pipe_channel(std::move(one.first), std::move(two.second))),
          Link(make_pipe_channel(std::move(two.first), std::move(one.second)))};
}

Ends tls_ends() {
  base::FdPair sockets = base::make_socketpair(SOCK_STREAM);
  const Key key = random_key();
  const auto deadline = mono_now() + milliseconds(5000);
  std::unique_ptr<Channel> accepted;
  std::thread other(
      [&] { accepted = tls_handshake(std::move(sockets.first), key, Role::kAccepts, deadline); });
  auto connected = tls_handshake(std::move(sockets.second), key, Role::kConnects, deadline);
  other.join();
  return {Link(std::move(connected)), Link(std::move(accepted))};
}

// A link whose peer is the test itself, byte by byte.
struct RawEnd {
  Link link;
  base::Fd to_link, from_link;

  static RawEnd make() {
    ::signal(SIGPIPE, SIG_IGN);
    base::FdPair in = base::make_pipe(), out = base::make_pipe();
    return {Link(make_pipe_channel(std::move(in.first), std::move(out.second))),
            std::move(in.second), std::move(out.first)};
  }
};

std::string wire_bytes(std::string_view payload) {
  const HeaderBytes header = encode_header(FrameType::kMessage, std::as_bytes(std::span(payload)));
  return std::string(reinterpret_cast<const char*>(header.data()), header.size()) +
         std::string(payload);
}

// Faults are global: cleared with the test.
struct WithFault {
  explicit WithFault(std::string_view specification) { base::set_faults(specification); }
  ~WithFault() { base::set_faults(""); }
};

class BothKinds : public testing::TestWithParam<Ends (*)()> {};
INSTANTIATE_TEST_SUITE_P(Link, BothKinds, testing::Values(&pipe_ends, &tls_ends),
                         [](const auto& which) { return which.index == 0 ? "Pipe" : "Tls"; });

TEST_P(BothKinds, FramesArriveInOrderAndWhole) {
  Ends ends = GetParam()();
  std::mt19937_64 random(7);
  std::vector<std::string> payloads{"", "a", std::string(16371, 'b'), std::string(16372, 'c'),
                                    std::string(kMaxPayloadBytes, 'd')};
  for (auto& c : payloads.back()) c = static_cast<char>(random());
  std::thread sender([&] {
    for (const auto& payload : payloads)
      EXPECT_EQ(ends.left.send(FrameType::kData, payload), Io::kDone);
    ends.left.close();
  });
  Frame frame;
  for (const auto& payload : payloads) {
    ASSERT_EQ(ends.right.recv(frame), Io::kDone);
    EXPECT_TRUE(frame.text() == payload) << payload.size();
    EXPECT_EQ(frame.type, FrameType::kData);
  }
  EXPECT_EQ(ends.right.recv(frame), Io::kClosed);
  EXPECT_EQ(ends.right.close_reason(), "closed by the peer");
  sender.join();
  EXPECT_EQ(ends.left.bytes_sent(), ends.right.bytes_received());
}

TEST_P(BothKinds, RecvTimesOutAndGoesOn) {
  Ends ends = GetParam()();
  Frame frame;
  EXPECT_EQ(ends.right.recv(frame, mono_now() + milliseconds(20)), Io::kTimeout);
  ASSERT_EQ(ends.left.send(FrameType::kMessage, "late"), Io::kDone);
  ASSERT_EQ(ends.right.recv(frame, mono_now() + milliseconds(2000)), Io::kDone);
  EXPECT_EQ(frame.text(), "late");
}

TEST_P(BothKinds, WakeInterruptsAStalledSend) {
  Ends ends = GetParam()();
  base::FdPair wake = base::make_pipe();
  std::thread ctrl_c([&] {
    std::this_thread::sleep_for(milliseconds(100));
    base::write_full(wake.second.get(), "x");
  });
  const std::string payload(kMaxPayloadBytes, 'x');  // more than any buffer: nobody reads
  const auto begin = mono_now();
  Io io = Io::kDone;
  while (io == Io::kDone) io = ends.left.send(FrameType::kData, payload, wake.first.get());
  ctrl_c.join();
  EXPECT_EQ(io, Io::kWoken);
  EXPECT_TRUE(ends.left.torn());
  EXPECT_LT(base::ms_between(begin, mono_now()), 3000);
  EXPECT_EQ(ends.left.send(FrameType::kData, "more"), Io::kClosed);
  ends.left.close();
  EXPECT_NE(recv_error(ends.right).find("peer closed in the middle of a frame"), std::string::npos);
}

TEST_P(BothKinds, WakeBeforeASendLeavesTheLinkWhole) {
  Ends ends = GetParam()();
  base::FdPair wake = base::make_pipe();
  base::write_full(wake.second.get(), "x");
  EXPECT_EQ(ends.left.send(FrameType::kData, "data", wake.first.get()), Io::kWoken);
  EXPECT_FALSE(ends.left.torn());
  EXPECT_EQ(ends.left.send(FrameType::kMessage, "abort"), Io::kDone);
  Frame frame;
  EXPECT_EQ(ends.right.recv(frame, kNoDeadline, wake.first.get()), Io::kWoken);
  ASSERT_EQ(ends.right.recv(frame), Io::kDone);
  EXPECT_EQ(frame.text(), "abort");
}

TEST_P(BothKinds, AFrameInProgressIsFinishedWithinTheGrace) {
  Ends ends = GetParam()();
  base::FdPair wake = base::make_pipe();
  // More than any pipe or socket here holds, and no more: the rest takes a small part of the grace.
  const std::string payload(kMaxPayloadBytes / 4, 'x');
  std::thread reader([&] {
    std::this_thread::sleep_for(milliseconds(20));
    base::write_full(wake.second.get(), "x");
    std::this_thread::sleep_for(milliseconds(20));
    EXPECT_EQ(recv_error(ends.right), "done");
  });
  EXPECT_EQ(ends.left.send(FrameType::kData, payload, wake.first.get()), Io::kDone);
  EXPECT_FALSE(ends.left.torn());
  reader.join();
}

TEST_P(BothKinds, AStalledPeerIsNoticed) {
  Ends ends = GetParam()();
  const std::string payload(kMaxPayloadBytes, 'x');
  EXPECT_EQ(ends.left.send(FrameType::kData, payload, kNoWake, milliseconds(50)), Io::kTimeout);
  EXPECT_TRUE(ends.left.torn());
}

TEST_P(BothKinds, SendToAPeerThatHasGone) {
  Ends ends = GetParam()();
  ends.right.close();
  Io io = Io::kDone;
  for (int i = 0; i < 3 && io == Io::kDone; ++i)
    io = ends.left.send(FrameType::kMessage, "anyone?");
  EXPECT_EQ(io, Io::kClosed);
}

TEST_P(BothKinds, CorruptFault) {
  const WithFault fault("channel.frame=corrupt@2");
  Ends ends = GetParam()();
  ASSERT_EQ(ends.left.send(FrameType::kMessage, "first"), Io::kDone);
  ASSERT_EQ(ends.left.send(FrameType::kMessage, "second"), Io::kDone);
  EXPECT_EQ(recv_error(ends.right), "done");
  EXPECT_NE(recv_error(ends.right).find("corrupt frame: checksum"), std::string::npos);
}

TEST_P(BothKinds, TruncateFault) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{10}, size_t{40'000}}) {
    const WithFault fault("channel.frame=truncate");
    Ends ends = GetParam()();
    EXPECT_EQ(ends.left.send(FrameType::kMessage, std::string(size, 'x')), Io::kClosed);
    EXPECT_NE(recv_error(ends.right).find("peer closed in the middle of a frame"),
              std::string::npos)
        << size;
  }
}

TEST(Link, EveryTruncationIsAnErrorAndNoneIsAFrame) {
  const std::string whole = wire_bytes("some payload");
  for (size_t length = 0; length < whole.size(); ++length) {
    RawEnd end = RawEnd::make();
    base::write_full(end.to_link.get(), whole.substr(0, length));
    end.to_link.reset();
    const std::string found = recv_error(end.link);
    if (length == 0) {
      EXPECT_EQ(found, "closed");
    } else {
      EXPECT_NE(found.find("peer closed in the middle of a frame"), std::string::npos) << length;
    }
  }
}

TEST(Link, AFrameThatComesByteByByteSurvivesTimeouts) {
  RawEnd end = RawEnd::make();
  Frame frame;
  const std::string whole = wire_bytes("slow");
  for (size_t i = 0; i + 1 < whole.size(); ++i) {
    base::write_full(end.to_link.get(), whole.substr(i, 1));
    EXPECT_EQ(end.link.recv(frame, mono_now()), Io::kTimeout);
  }
  base::write_full(end.to_link.get(), whole.substr(whole.size() - 1));
  ASSERT_EQ(end.link.recv(frame, mono_now()), Io::kDone);
  EXPECT_EQ(frame.text(), "slow");
}

TEST(Link, RandomBytesAreErrorsNotCrashes) {
  std::mt19937_64 random(42);
  for (int round = 0; round < 2000; ++round) {
    RawEnd end = RawEnd::make();
    std::string junk(random() % 200, '\0');
    for (char& c : junk) c = static_cast<char>(random());
    if (junk.size() > 4 && round % 2)
      junk[3] = 0, junk[2] = 0, junk[4] = 1;  // past the header's own checks
    base::write_full(end.to_link.get(), junk);
    end.to_link.reset();
    const std::string found = recv_error(end.link);
    EXPECT_EQ(found == "closed", junk.empty()) << found;
    EXPECT_NE(found, "done");
    EXPECT_EQ(recv_error(end.link), "closed");  // a broken link stays closed
  }
}

}  // namespace
}  // namespace ferry::transport
