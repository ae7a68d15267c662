// SPDX-License-Identifier: Apache-2.0
//
// Each way in which a request can fail, by a service on 127.0.0.1 that fails so.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "load/generator.h"
#include "load/test_service.h"

namespace ferry::load {
namespace {

using namespace std::chrono_literals;

// Nothing listens there: the port was free a moment ago.
std::string url_of_nobody() { return TestService(answer_ok).url(); }

TEST(Outcomes, RefusedWhenNobodyListens) {
  const Result result = run(options_for(url_of_nobody()));
  EXPECT_EQ(at(result.counts, Outcome::kRefused), 100u);
  EXPECT_EQ(result.sent, 0u);
  expect_each_request_once(result);
}

TEST(Outcomes, ResetAndEarlyCloseAreCountedOnceAndReconnected) {
  std::atomic<int> connections = 0;
  const TestService service([&](TestPeer& peer) {
    const int number = ++connections;
    if (!peer.read_request()) return;
    if (number == 1) return peer.reset();
    if (number == 2) return;  // closes without an answer
    if (number == 3) return peer.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhal");
    do peer.answer("ok\n");
    while (peer.read_request());
  });
  const Result result = run(options_for(service.url()));
  EXPECT_EQ(at(result.counts, Outcome::kReset), 3u);
  EXPECT_EQ(result.ok(), 97u);
  EXPECT_EQ(result.connects, 4u + 3u);
  expect_each_request_once(result);
}

TEST(Outcomes, ConnectionClosedAfterAnAnswerIsNoError) {
  const TestService service([](TestPeer& peer) {
    if (peer.read_request())
      peer.say("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx");
  });
  const Result result = run(options_for(service.url()));
  EXPECT_EQ(result.ok(), 100u);
  EXPECT_EQ(result.errors(), 0u);
}

TEST(Outcomes, TimeoutCountsFromWhenDue) {
  const TestService service([](TestPeer& peer) {
    while (peer.read_request()) continue;
  });
  Options options = options_for(service.url(), 100, 300ms);
  options.timeout = 200ms;
  const Result result = run(options);
  EXPECT_EQ(at(result.counts, Outcome::kTimeout), 30u);
  expect_each_request_once(result);
  for (const Sample& sample : result.samples) {
    EXPECT_GE(sample.latency_ns(), 200'000'000);
    EXPECT_LE(sample.latency_ns(), 1'000'000'000);
  }
}

TEST(Outcomes, WrongAnswers) {
  std::atomic<int> requests = 0;
  const TestService service([&](TestPeer& peer) {
    while (peer.read_request()) {
      const int number = ++requests;
      if (number == 10) peer.answer("sorry\n", "500 Internal Server Error");
      if (number == 20) peer.answer("wrong\n");
      if (number == 30) return peer.say("SSH-2.0-OpenSSH\r\n");
      if (number != 10 && number != 20) peer.answer("ok\n");
    }
  });
  Options options = options_for(service.url());
  options.check = [](std::string_view body) -> std::optional<std::string> {
    if (body == "ok\n") return std::nullopt;
    return "it is not ok";
  };
  const Result result = run(options);
  EXPECT_EQ(at(result.counts, Outcome::kWrongAnswer), 3u);
  EXPECT_EQ(result.ok(), 97u);
  ASSERT_EQ(result.examples.size(), 1u);
  EXPECT_EQ(result.examples[0].message, "HTTP status 500: \"sorry\n\"");
}

TEST(Outcomes, OverflowIsAKindOfItsOwn) {
  const TestService service([](TestPeer& peer) {
    while (peer.read_request()) continue;
  });
  Options options = options_for(service.url(), 1000, 100ms);
  options.timeout = 500ms;
  options.queue_limit = 10;
  const Result result = run(options);
  EXPECT_EQ(at(result.counts, Outcome::kOverflow), 100u - 4u - 10u);
  EXPECT_EQ(at(result.counts, Outcome::kTimeout), 4u + 10u);
  expect_each_request_once(result);
}

TEST(Outcomes, CounterHoldsOverConnectionsAndFailures) {
  std::atomic<int> counter = 0;
  const TestService service([&](TestPeer& peer) {
    while (peer.read_request()) {
      const int number = ++counter;
      if (number % 20 == 0) return;  // counted, but nobody is told
      peer.answer(std::to_string(number) + "\n");
    }
  });
  Options options = options_for(service.url());
  options.counter = true;
  const Result result = run(options);
  ASSERT_TRUE(result.counter);
  EXPECT_TRUE(result.counter->holds());
  EXPECT_EQ(result.counter->received, 95u);
  EXPECT_EQ(result.counter->failed_after_sent, 5u);
}

TEST(Outcomes, CounterFindsAServiceThatWentBack) {
  std::atomic<int> requests = 0;
  const TestService service([&](TestPeer& peer) {
    while (peer.read_request()) {
      const int number = ++requests;
      peer.answer(std::to_string(number > 50 ? number - 5 : number) + "\n");
    }
  });
  Options options = options_for(service.url());
  options.counter = true;
  options.connections = 1;
  const Result result = run(options);
  ASSERT_TRUE(result.counter);
  EXPECT_FALSE(result.counter->holds());
  EXPECT_EQ(result.counter->repeated, 5u);
  EXPECT_EQ(result.counter->backwards, 5u);
}

}  // namespace
}  // namespace ferry::load
