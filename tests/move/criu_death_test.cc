// SPDX-License-Identifier: Apache-2.0
//
// CRIU is killed at the source at random moments of its dump, while it runs code of its own in the workload's tasks. Its twin
// (src/criu/twin.h) puts them back: the workload goes on as if nobody had tried, again and again, and a move works after that.
#include <fmt/format.h>

#include <cstdlib>
#include <random>

#include "support/move_test.h"
#include "support/tracee.h"

namespace ferry::testing {
namespace {

constexpr int kEarliest_us = 200, kLatest_us = 14'000;  // the dump of these workloads takes about 10 ms

// What every task of the workload has that a dump takes hold of, and whether a twin is left.
constexpr const char* kHold = R"(
for p in $(pgrep -f '{0}'); do
  for t in /proc/$p/task/*; do grep -E '^(TracerPid|SigBlk|Seccomp)' $t/status; done
  ls /proc/$p/fd | wc -l
  grep -c CRIUMFD /proc/$p/maps
done
pgrep -c workload-twin
true)";

class CriuDeathTest : public MoveTest {
 protected:
  void SetUp() override {
    MoveTest::SetUp();
    const char* asked = std::getenv("FERRY_SEED");
    const unsigned seed = asked ? static_cast<unsigned>(std::atoi(asked)) : std::random_device{}();
    random_.seed(seed);
    RecordProperty("seed", std::to_string(seed));
    std::printf("FERRY_SEED=%u\n", seed);
  }

  // True when CRIU was killed in time. Else the workload has moved, and is fetched back.
  bool strike(const std::string& name) {
    const int delay_us = std::uniform_int_distribution(kEarliest_us, kLatest_us)(random_);
    const Result result = lab().exec(
        "east", {"python3", program("kill_criu.py"), name, "root@west", std::to_string(delay_us)});
    last_words_ = fmt::format("{} us: {}{}", delay_us, result.out, result.err);
    if (result.status != 0) return true;
    EXPECT_FALSE(move(name, "west", "east").is_null());
    return false;
  }

  std::string hold_on(const std::string& pattern) const {
    return lab().check("east", fmt::format(kHold, pattern));
  }

  // Kills that came in time.
  void strike_often(const std::string& name, const std::string& pattern, int times, const std::function<void()>& judge) {
    std::string before = hold_on(pattern);
    for (int done = 0; done < times;) {
      const bool in_time = strike(name);
      if (in_time) {
        ++done;
        EXPECT_EQ(hold_on(pattern), before) << last_words_;
      } else {
        before = hold_on(pattern);
      }
      judge();
      ASSERT_FALSE(HasFailure()) << last_words_;
    }
  }

  void start_tracee(const std::string& name) const {
    for (const char* host : {"east", "west"}) {
      lab().check(host, fmt::format("rm -rf {0} /var/lib/ferry/workloads/*; mkdir -m 777 {0}", kTraceeDirectory));
    }
    run("east", "tracee", {}, {FERRY_BINARY_DIR "/tests/tracees/" + name, kTraceeDirectory});
    ASSERT_TRUE(comes_true([&] { return said() != ""; }, kTraceeReady_ms)) << "not ready";
    ASSERT_EQ(said(), "READY\n");
  }
  std::string said(const std::string& host = "east") const { return ferry(host, {"logs", "tracee"}).out; }
  void expect_pass(const std::string& host) const {
    lab().check(host, fmt::format("touch {}/go", kTraceeDirectory));
    comes_true([&] { return said(host) != "READY\n"; }, kTraceeAnswer_ms);
    EXPECT_EQ(said(host), "READY\nPASS\n") << last_words_;
    EXPECT_TRUE(comes_true([&] { return state_of(host, "tracee") == "ended"; })) << state_of(host, "tracee");
  }

  std::mt19937 random_;
  std::string last_words_;
};

TEST_F(CriuDeathTest, AServiceGoesOnWithItsConnectionAndThenMoves) {
  ASSERT_NO_FATAL_FAILURE(run_counter());
  Connection open = connect();
  const std::string identity = open.get("/id");
  int count = open.next();
  const auto expect_alive = [&] {
    EXPECT_EQ(open.next(), ++count);
    EXPECT_EQ(open.get("/id"), identity);
    EXPECT_EQ(state_of("east", "web"), "running");
  };
  constexpr int kKills = 15;
  ASSERT_NO_FATAL_FAILURE(strike_often("web", "[w]eb_counter", kKills, expect_alive));
  ASSERT_FALSE(move("web", "east", "west").is_null());
  EXPECT_EQ(open.next(), ++count);
  EXPECT_EQ(open.get("/id"), identity);
}

TEST_F(CriuDeathTest, InterruptedCallsAndRegistersOfManyThreadsAreAsTheyWere) {
  constexpr int kKills = 15;
  ASSERT_NO_FATAL_FAILURE(start_tracee("interrupted_calls"));
  ASSERT_NO_FATAL_FAILURE(strike_often("tracee", "[i]nterrupted_calls", kKills, [&] { EXPECT_EQ(said(), "READY\n"); }));
  expect_pass("east");
  ASSERT_NO_FATAL_FAILURE(start_tracee("interrupted_calls"));
  ASSERT_NO_FATAL_FAILURE(strike_often("tracee", "[i]nterrupted_calls", 1, [] {}));
  ASSERT_FALSE(move("tracee", "east", "west").is_null());
  expect_pass("west");
}

// The tasks run on then, until ferry has frozen them again: what was dumped and what is read of their memory are of two moments.
TEST_F(CriuDeathTest, OnceItHasDumpedItsDeathEndsTheMoveToo) {
  ASSERT_NO_FATAL_FAILURE(run_counter());
  Connection open = connect();
  int count = open.next();
  for (const char* victim : {"pgrep -P $ferry -f 'criu: dump'", "pgrep -x workload-twin"}) {
    SCOPED_TRACE(victim);
    const Result moved = lab().shell("east", fmt::format(R"(
FERRY_FAULTS=source.post_dump=pause ferry move -q web root@west &
ferry=$!
until grep -q '^State:.T' /proc/$ferry/status; do sleep 0.01; done
kill -9 $({})
until grep -q '^TracerPid:.0$' /proc/$(pgrep -f '[w]eb_counter')/status; do sleep 0.01; done
kill -CONT $ferry
wait $ferry)", victim));
    EXPECT_NE(moved.status, 0);
    EXPECT_NE(moved.err.find("killed when it had dumped"), std::string::npos) << moved.err;
    EXPECT_EQ(state_of("east", "web"), "running");
    EXPECT_EQ(open.next(), ++count);
  }
  ASSERT_FALSE(move("web", "east", "west").is_null());
  EXPECT_EQ(open.next(), ++count);
}

TEST_F(CriuDeathTest, OtherStateOfTasksIsAsItWas) {
  constexpr int kKills = 4;
  for (const char* name : {"threads", "vector_registers", "signal_handlers", "restartable_sequences", "seccomp_filter"}) {
    SCOPED_TRACE(name);
    ASSERT_NO_FATAL_FAILURE(start_tracee(name));
    ASSERT_NO_FATAL_FAILURE(strike_often("tracee", fmt::format("[/]{}", name), kKills, [&] { EXPECT_EQ(said(), "READY\n"); }));
    expect_pass("east");
  }
}

}  // namespace
}  // namespace ferry::testing
