// SPDX-License-Identifier: Apache-2.0
//
// The load generator against real servers and beside the tools that people know: what it says it
// did is what the servers say was done, and what wrk and redis-benchmark say of the same servers.
// docs/load-test.md has the speeds, which no test can assert.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "load/result.h"
#include "support/move_test.h"

namespace ferry::testing {
namespace {

constexpr const char* kNginxConfiguration = R"(
pid /srv/nginx/pid; error_log /srv/nginx/error.log; worker_processes 1;
events { worker_connections 256; }
http {
  access_log /srv/nginx/access.log; keepalive_requests 1000000;
  client_body_temp_path /srv/nginx/body; proxy_temp_path /srv/nginx/proxy; uwsgi_temp_path /srv/nginx/uwsgi;
  fastcgi_temp_path /srv/nginx/fastcgi; scgi_temp_path /srv/nginx/scgi;
  server { listen 8080; root /srv/site; }
}
)";

class AgreementTest : public MoveTest {
 protected:
  void SetUp() override {
    MoveTest::SetUp();
    if (!IsSkipped()) address_ = lab().check("east", "hostname -I | cut -d' ' -f1");
  }
  bool start_nginx() {
    if (!has("nginx")) return false;
    lab().check(
        "east",
        "mkdir -p /srv/site /srv/nginx; echo 'it works' >/srv/site/index.html; chmod -R 755 /srv");
    const Result written = lab().shell("east", "cat >/srv/nginx/conf", kNginxConfiguration);
    EXPECT_EQ(written.status, 0);
    servers_.push_back(
        lab().start("east", {"/usr/sbin/nginx", "-c", "/srv/nginx/conf", "-g", "daemon off;"}));
    return is_up(8080);
  }
  bool start_redis() {
    if (!has("redis-server")) return false;
    servers_.push_back(
        lab().start("east", {"/usr/bin/redis-server", "--bind", "0.0.0.0", "--protected-mode", "no",
                             "--save", "", "--enable-debug-command", "yes"}));
    return is_up(6379);
  }
  bool is_up(int port) const {
    return comes_true([&] {
      return lab().shell("client", fmt::format("exec 3<>/dev/tcp/{}/{}", address_, port)).status ==
             0;
    });
  }
  load::Result load_test(const std::string& url, const Argv& options) const {
    Argv words{"load-test", url, "--json"};
    words.insert(words.end(), options.begin(), options.end());
    const Result result = ferry("client", words);
    EXPECT_EQ(result.status, 0) << result.err;
    return load::Result::from_json(result.out);
  }
  std::string http_url() const { return fmt::format("http://{}:8080/", address_); }
  std::string redis_url(const std::string& rest) const {
    return fmt::format("redis://{}{}", address_, rest);
  }
  uint64_t redis_number(const std::string& command) const {
    return std::stoull(lab().check("east", "redis-cli " + command));
  }
  uint64_t redis_calls(const std::string& command) const {
    return std::stoull(lab().check(
        "east", fmt::format("redis-cli info commandstats | sed -n "
                            "'s/^cmdstat_{}:calls=\\([0-9]*\\).*/\\1/p' | grep . || echo 0",
                            command)));
  }
  bool has(const std::string& tool) const {
    return lab().shell("client", "command -v " + tool).status == 0;
  }
  std::string address_;  // of east
  std::vector<Background> servers_;
};

TEST_F(AgreementTest, NginxHasLoggedEveryRequest) {
  if (!start_nginx()) GTEST_SKIP() << "no nginx in the lab's layer";
  const load::Result kept = load_test(http_url(), {"--rate", "1000", "--duration", "2s"});
  EXPECT_EQ(kept.due, 2000u);
  EXPECT_EQ(kept.ok(), 2000u);
  EXPECT_EQ(kept.connects, 10u);
  const load::Result renewed =
      load_test(http_url(), {"--rate", "300", "--duration", "1s", "--new-connections"});
  EXPECT_EQ(renewed.ok(), 300u);
  EXPECT_EQ(renewed.connects, 300u);
  const load::Result wrong =
      load_test(http_url() + "nothing", {"--rate", "50", "--duration", "1s"});
  EXPECT_EQ(load::at(wrong.counts, load::Outcome::kWrongAnswer), 50u);
  EXPECT_EQ(lab().check("east", "grep -c ' 200 9 .*ferry' /srv/nginx/access.log"), "2300");
  EXPECT_EQ(lab().check("east", "grep -c ' 404 .*ferry' /srv/nginx/access.log"), "50");
}

TEST_F(AgreementTest, RedisHasCountedEveryCommand) {
  if (!start_redis()) GTEST_SKIP() << "no redis in the lab's layer";
  const Argv second{"--rate", "1000", "--duration", "1s"};
  EXPECT_EQ(load_test(redis_url("/?command=set&keys=500&size=300"), second).ok(), 1000u);
  EXPECT_EQ(redis_number("dbsize"), 500u);
  EXPECT_EQ(redis_number("strlen key:499"), 300u);
  EXPECT_EQ(load_test(redis_url("/?command=get:8,set:1,ping:1&keys=500&size=300"), second).ok(),
            1000u);
  Argv counting = second;
  counting.insert(counting.end(), {"--counter", "--new-connections"});
  const load::Result counted = load_test(redis_url("/2?command=incr&key=n"), counting);
  ASSERT_TRUE(counted.counter);
  EXPECT_TRUE(counted.counter->holds());
  EXPECT_EQ(counted.counter->last, 1000u);
  EXPECT_EQ(redis_number("-n 2 get n"), 1000u);
  EXPECT_EQ(redis_calls("set"), 1100u);
  EXPECT_EQ(redis_calls("get"), 800u + 1u);  // redis-cli's
  EXPECT_EQ(redis_calls("incr"), 1000u);
}

TEST_F(AgreementTest, ValueThatIsNotItsKeysIsFound) {
  if (!start_redis()) GTEST_SKIP() << "no redis in the lab's layer";
  load_test(redis_url("/?command=set&keys=100"), {"--rate", "1000", "--duration", "100ms"});
  lab().check("east",
              "redis-cli del key:7; redis-cli setrange key:8 20 x; redis-cli rename key:9 key:10");
  const load::Result result =
      load_test(redis_url("/?command=get&keys=100"), {"--rate", "1000", "--duration", "100ms"});
  EXPECT_EQ(result.ok(), 96u);
  EXPECT_EQ(load::at(result.counts, load::Outcome::kWrongAnswer), 4u);
}

TEST_F(AgreementTest, DataOfDebugPopulateIsKnown) {
  if (!start_redis()) GTEST_SKIP() << "no redis in the lab's layer";
  lab().check("east", "redis-cli debug populate 200 key 100");
  const load::Result result = load_test(redis_url("/?command=get&keys=200&size=100"),
                                        {"--rate", "1000", "--duration", "200ms"});
  EXPECT_EQ(result.ok(), 200u) << result.to_json(false);
}

// Runs wrk or redis-benchmark, and prints the median in ms, the requests, and the CPU seconds of
// it.
constexpr const char* kMeasure = R"PY(
import re, resource, subprocess, sys
tool, where, seconds = sys.argv[1:]
if tool == "wrk":
    out = subprocess.check_output(["wrk", "-t1", "-c1", "-d" + seconds, "--latency", where], text=True)
    number, unit = re.search(r"50%\s+([\d.]+)(us|ms|s)", out).groups()
    median = float(number) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]
    requests = int(re.search(r"(\d+) requests in", out).group(1))
else:
    requests = 4000
    out = subprocess.check_output(["redis-benchmark", "-h", where, "-c", "1", "-n", str(requests), "-t", "incr",
                                   "--csv"], text=True)
    median = float(out.splitlines()[1].split(",")[4].strip('"'))
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(median, requests, used.ru_utime + used.ru_stime)
)PY";

// Of one run: what it says of the median, and what a request cost the tool itself.
struct Seen {
  double median_ms = 0, cpu_us = 0;
};

class ToolsTest : public AgreementTest {
 protected:
  Seen seen_by(const std::string& tool, const std::string& where) const {
    const Result result = lab().exec("client", {"python3", "-c", kMeasure, tool, where, "1s"});
    EXPECT_EQ(result.status, 0) << result.err;
    double median_ms = 0, requests = 0, cpu_s = 0;
    EXPECT_EQ(std::sscanf(result.out.c_str(), "%lf %lf %lf", &median_ms, &requests, &cpu_s), 3)
        << result.out;
    return {median_ms, cpu_s * 1e6 / requests};
  }
  Seen seen_by_us(const std::string& url) const {
    const load::Result result =
        load_test(url, {"--rate", "2000", "--duration", "1s", "--connections", "1"});
    EXPECT_EQ(result.errors(), 0u);
    // The others, which send once the last answer has come, count from when they sent.
    return {static_cast<double>(result.from_sent.quantile(0.5)) / 1e6,
            result.cpu_s * 1e6 / static_cast<double>(result.ok())};
  }
  // They take turns, and the best of a few runs counts: a busy moment strikes both.
  void expect_agreement(const std::string& url, const std::string& tool,
                        const std::string& where) const {
    constexpr int kTries = 4;
    constexpr double kFactor = 4;
    Seen ours{1e9, 1e9}, theirs{1e9, 1e9};
    const auto keep = [](Seen& best, const Seen& now) {
      best = {std::min(best.median_ms, now.median_ms), std::min(best.cpu_us, now.cpu_us)};
    };
    for (int i = 0; i < kTries; ++i) {
      keep(ours, seen_by_us(url));
      keep(theirs, seen_by(tool, where));
    }
    const std::string both = fmt::format(
        "median {:.3f} and {:.3f} ms, CPU {:.1f} and {:.1f} us a request, ours and {}'s",
        ours.median_ms, theirs.median_ms, ours.cpu_us, theirs.cpu_us, tool);
    RecordProperty("seen", both);
    EXPECT_LT(ours.median_ms, theirs.median_ms * kFactor) << both;
    EXPECT_LT(theirs.median_ms, ours.median_ms * kFactor) << both;
    EXPECT_LT(ours.cpu_us, theirs.cpu_us * kFactor) << both;
  }
};

TEST_F(ToolsTest, WrkSeesTheSameMedianAndCostsNoLess) {
  if (!start_nginx()) GTEST_SKIP() << "no nginx in the lab's layer";
  if (!has("wrk")) GTEST_SKIP() << "no wrk in the lab's layer";
  expect_agreement(http_url(), "wrk", http_url());
}

TEST_F(ToolsTest, RedisBenchmarkSeesTheSameMedianAndCostsNoLess) {
  if (!start_redis()) GTEST_SKIP() << "no redis in the lab's layer";
  if (!has("redis-benchmark")) GTEST_SKIP() << "no redis-benchmark in the lab's layer";
  expect_agreement(redis_url("/?command=incr&key=n"), "redis-benchmark", address_);
}

}  // namespace
}  // namespace ferry::testing
