// SPDX-License-Identifier: Apache-2.0
//
// The generator against real sockets on 127.0.0.1: when requests are sent, and what a stall costs.
#include "load/generator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <limits>

#include "base/clock.h"
#include "base/error.h"
#include "load/test_service.h"

namespace ferry::load {
namespace {

using namespace std::chrono_literals;

TEST(Generator, SendsEveryRequestWhenDue) {
  const TestService service(answer_ok);
  const int64_t before = base::real_ns();
  const Result result = run(options_for(service.url()));
  EXPECT_EQ(result.due, 100u);
  EXPECT_EQ(result.ok(), 100u);
  EXPECT_EQ(result.connects, 4u) << "keep-alive";
  expect_each_request_once(result);
  for (const Sample& sample : result.samples) {
    EXPECT_GE(sample.sent_ns, sample.due_ns);
    EXPECT_GE(sample.done_ns, sample.sent_ns);
    EXPECT_EQ((sample.due_ns - result.start_ns) % 5'000'000, 0);
  }
  EXPECT_GE(result.real(result.start_ns), before);
  EXPECT_LE(result.real(result.end_ns), base::real_ns() + 1000);
}

TEST(Generator, NewConnectionForEachRequest) {
  const TestService service(answer_ok);
  Options options = options_for(service.url());
  options.new_connections = true;
  const Result result = run(options);
  EXPECT_EQ(result.ok(), 100u);
  EXPECT_EQ(result.connects, 100u);
}

TEST(Generator, StallIsChargedToEveryRequestDueMeanwhile) {
  std::atomic<bool> stalled = false;
  std::atomic<int64_t> stall_began = 0;
  const base::MonoTime begin = base::mono_now();
  const TestService service([&](TestPeer& peer) {
    while (peer.read_request()) {
      if (base::mono_now() - begin > 300ms && !stalled.exchange(true)) {
        stall_began = base::real_ns();
        std::this_thread::sleep_for(300ms);
      }
      peer.answer("ok\n");
    }
  });
  Options options = options_for(service.url(), 500, 1s);
  options.connections = 1;
  const Result result = run(options);
  EXPECT_EQ(result.ok(), 500u);
  // 150 requests were due in the stall. One that counts from when requests are sent would show a
  // single slow one.
  const auto slower_than = [&](int64_t ns) {
    return std::count_if(result.samples.begin(), result.samples.end(),
                         [&](const Sample& sample) { return sample.latency_ns() > ns; });
  };
  EXPECT_GE(slower_than(10'000'000), 140);
  EXPECT_GE(slower_than(150'000'000), 70);
  EXPECT_NEAR(static_cast<double>(result.latency.max()), 300e6, 60e6);
  EXPECT_LT(result.from_sent.quantile(0.99), 100'000'000) << "as a closed loop would have it";
  const auto gap_ms = result.client_gap_ms(stall_began);
  ASSERT_TRUE(gap_ms);
  EXPECT_NEAR(*gap_ms, 302, 40);
}

TEST(Generator, StopsEarlyAndAbandonsWhatIsOpen) {
  const TestService service([](TestPeer& peer) {
    for (int i = 0; peer.read_request(); ++i) {
      if (i < 5) peer.answer("ok\n");
    }
  });
  Options options = options_for(service.url(), 100, 3600s);
  options.timeout = 60s;
  StopEvent stop;
  std::thread stopper([&] {
    std::this_thread::sleep_for(500ms);
    stop.stop();
  });
  const base::MonoTime begin = base::mono_now();
  const Result result = run(options, stop.fd());
  stopper.join();
  EXPECT_LT(base::mono_now() - begin, 3s);
  EXPECT_EQ(result.ok(), 20u);
  EXPECT_EQ(result.errors(), 0u);
  EXPECT_EQ(at(result.counts, Outcome::kAbandoned), result.due - 20);
  expect_each_request_once(result);
}

// A service that stood still when the run was ended, and then answers: how long it did is known.
TEST(Generator, WaitsForWhatIsOpenAsLongAsItIsTold) {
  constexpr int kBeforeIt = 5;
  const TestService service([](TestPeer& peer) {
    for (int i = 0; peer.read_request(); ++i) {
      if (i == kBeforeIt) std::this_thread::sleep_for(1500ms);
      peer.answer("ok\n");
    }
  });
  Options options = options_for(service.url(), 100, 3600s);
  options.connections = 1;
  options.grace = 60s;
  StopEvent stop;
  std::thread stopper([&] {
    std::this_thread::sleep_for(300ms);
    stop.stop();
  });
  const Result result = run(options, stop.fd());
  stopper.join();
  EXPECT_EQ(at(result.counts, Outcome::kAbandoned), 0u);
  EXPECT_EQ(result.ok(), result.due);
  expect_each_request_once(result);
}

TEST(Generator, ReportsProgress) {
  const TestService service(answer_ok);
  Options options = options_for(service.url(), 100, 1s);
  std::vector<Progress> seen;
  options.progress = [&](const Progress& now) { seen.push_back(now); };
  run(options);
  ASSERT_GE(seen.size(), 3u);
  EXPECT_GT(seen.back().ok, seen.front().ok);
}

TEST(Generator, RefusesOptionsThatMakeNoSense) {
  const auto refused = [](auto change) {
    Options options = options_for("http://127.0.0.1:1/");
    change(options);
    EXPECT_THROW(run(options), base::Error);
  };
  refused([](Options& options) { options.rate = 0; });
  refused([](Options& options) { options.rate = -1; });
  refused([](Options& options) { options.rate = 1e9; });
  refused([](Options& options) { options.rate = std::numeric_limits<double>::quiet_NaN(); });
  refused([](Options& options) { options.connections = 0; });
  refused([](Options& options) { options.connections = 1'000'000; });
  refused([](Options& options) { options.duration = 0s; });
  refused([](Options& options) { options.timeout = 0s; });
  refused([](Options& options) { options.queue_limit = 0; });
  refused([](Options& options) { options.duration = std::chrono::hours(100'000); });
  refused([](Options& options) { options.url = "ftp://x/"; });
}

}  // namespace
}  // namespace ferry::load
