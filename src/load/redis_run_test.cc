// SPDX-License-Identifier: Apache-2.0
//
// A run over RESP against sockets on 127.0.0.1; tests/load has the real Redis.
#include <gtest/gtest.h>

#include <atomic>

#include "load/generator.h"
#include "load/test_service.h"

namespace ferry::load {
namespace {

// The service has read one INCR of key "n".
bool read_incr(TestPeer& peer) { return peer.read_until("INCR\r\n$1\r\nn\r\n").has_value(); }

TEST(RedisRun, CounterHolds) {
  std::atomic<int> counter = 0;
  const TestService service([&](TestPeer& peer) {
    while (read_incr(peer)) {
      const int number = ++counter;
      if (number % 20 == 0) return;  // counted, but nobody is told
      peer.say(fmt::format(":{}\r\n", number));
    }
  });
  Options options = options_for(service.url("/?command=incr&key=n", "redis"));
  options.counter = true;
  const Result result = run(options);
  ASSERT_TRUE(result.counter);
  EXPECT_TRUE(result.counter->holds());
  EXPECT_EQ(result.counter->received, 95u);
  EXPECT_EQ(result.counter->failed_after_sent, 5u);
  EXPECT_EQ(at(result.counts, Outcome::kReset), 5u);
  expect_each_request_once(result);
}

TEST(RedisRun, OnlyRequestsThatCountAreInTheProof) {
  std::atomic<int> counter = 0;
  const TestService service([&](TestPeer& peer) {
    while (const auto text = peer.read_until("\r\n$4\r\n")) {
      const auto command = peer.read_until("\r\n");
      if (command == "PING\r\n") peer.say("+PONG\r\n");
      if (command != "INCR\r\n") continue;
      peer.read_until("n\r\n");
      const int number = ++counter;
      peer.say(fmt::format(":{}\r\n", number > 20 ? number - 3 : number));
    }
  });
  Options options = options_for(service.url("/?command=ping,incr&key=n", "redis"));
  options.counter = true;
  options.connections = 1;
  const Result result = run(options);
  ASSERT_TRUE(result.counter);
  EXPECT_EQ(result.counter->received, 50u);
  EXPECT_EQ(result.counter->repeated, 3u);
  EXPECT_FALSE(result.counter->holds());
  EXPECT_EQ(at(result.counts, Outcome::kWrongAnswer), 3u);
  EXPECT_EQ(result.ok(), 97u);
}

TEST(RedisRun, GreetsEachConnectionOnce) {
  std::atomic<int> greetings = 0, pings = 0;
  const TestService service([&](TestPeer& peer) {
    if (!peer.read_until("AUTH\r\n$2\r\npw\r\n")) return;
    ++greetings;
    peer.say("+OK\r\n");
    while (peer.read_until("PING\r\n")) {
      ++pings;
      peer.say("+PONG\r\n");
    }
  });
  std::string url = service.url("/", "redis");
  url.insert(url.find("127"), ":pw@");
  const Result result = run(options_for(url));
  EXPECT_EQ(result.ok(), 100u);
  EXPECT_EQ(greetings, 4);
  EXPECT_EQ(pings, 100);
  EXPECT_EQ(result.setup.url.find("pw"), std::string::npos) << result.setup.url;
}

TEST(RedisRun, ErrorsAreQuotedAndTheConnectionGoesOn) {
  std::atomic<int> pings = 0;
  const TestService service([&](TestPeer& peer) {
    while (peer.read_until("PING\r\n")) {
      peer.say(++pings == 10 ? "-LOADING Redis is loading\r\n" : "+PONG\r\n");
    }
  });
  const Result result = run(options_for(service.url("", "redis")));
  EXPECT_EQ(result.ok(), 99u);
  EXPECT_EQ(result.connects, 4u);
  ASSERT_EQ(result.examples.size(), 1u);
  EXPECT_EQ(result.examples[0].outcome, Outcome::kWrongAnswer);
  EXPECT_EQ(result.examples[0].message,
            "the service refuses the command: \"LOADING Redis is loading\"");
}

}  // namespace
}  // namespace ferry::load
