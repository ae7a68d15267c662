// SPDX-License-Identifier: Apache-2.0
//
// The real CRIU is killed while it lets its tasks go: they run and the mark says so, or they are dead and never ran.
#include "criu/release.h"

#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "criu/test_lazy_restore.h"

namespace ferry::criu {
namespace {

constexpr int kKills = 12, kMostKills = 60;  // until both have been seen
constexpr int kLatest_us = 2'500;            // it takes 1 to 2 ms
constexpr int kThreads = 4, kToTick_us = 20'000;

class Released : public LazyRestore {
 protected:
  void will_start(base::SpawnOptions& options) override {
    mark_.emplace(dump_.images());
    options.environment.push_back(mark_->setting());
  }
  void grant() {
    EXPECT_EQ(release(), Release::kNotYet);
    mark_->grant();
  }
  Release release() {
    Release mark{};
    const std::string bytes = base::read_file(dump_.images().directory() / "release");
    std::memcpy(&mark, bytes.data(), sizeof mark);
    return mark;
  }

  std::optional<ReleaseMark> mark_;
};

void tick_until_go(const TestTask::Say& say) {
  while (flag().go == 0) {
    ::usleep(100);
    say("tick");
  }
}

// Each of its threads says so as long as it runs.
void tick(const TestTask::Say& say) {
  map_at(kFlag, 1, MAP_SHARED);
  map_at(kArea, kPages);
  write_area(1);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(tick_until_go, say);
  say("ready");
  tick_until_go(say);
  for (auto& thread : threads) thread.join();
  say(fmt::format("wrong {}", wrong_in_area(1)));
}

TEST_F(Released, IsMarkedWhenTheyRun) {
  const TestTask task(tick);
  task.await("ready");
  ASSERT_NO_FATAL_FAILURE(dump(task, {task.pid()}));
  ASSERT_NO_FATAL_FAILURE(build());
  grant();
  ASSERT_NO_FATAL_FAILURE(run());
  EXPECT_EQ(release(), Release::kDone);
  say_go(task.pid());
  EXPECT_NE(task.await("wrong").find("wrong 0"), std::string::npos) << task.said();
}

TEST_F(Released, AKilledCriuTakesAllAlongOrNone) {
  std::mt19937 random(std::random_device{}());
  int died = 0, lived = 0;
  for (int i = 0; i < kMostKills && (i < kKills || died == 0 || lived == 0); ++i) {
    dump_.images().clear();
    pages_.clear();
    const TestTask task(tick);
    task.await("ready");
    ASSERT_NO_FATAL_FAILURE(dump(task, {task.pid()}));
    const std::string said = task.said();
    ASSERT_NO_FATAL_FAILURE(build());
    grant();
    const auto criu = session_->process();
    session_->answer(true);
    std::thread kill([&] {
      std::this_thread::sleep_for(std::chrono::microseconds(std::uniform_int_distribution(0, kLatest_us)(random)));
      kernel::signal_process(criu, SIGKILL);
    });
    (void)session_->run_until("", base::mono_now() + kTestLimit);
    kill.join();
    ASSERT_TRUE(kernel::ends_within(criu, kTestLimit));
    const Release mark = release();
    ::usleep(kToTick_us);
    const bool runs = task.said() != said;
    if (mark != Release::kAmidst) {  // that is some µs, in which nobody can know
      EXPECT_EQ(runs, mark == Release::kDone) << static_cast<int>(mark);
    }
    if (runs) {
      ++lived;
      say_go(task.pid());
      EXPECT_NE(task.await("wrong").find("wrong 0"), std::string::npos) << task.said();
    } else {
      ++died;
    }
    session_.reset();
    server_.reset();
    ::munmap(reinterpret_cast<void*>(kFlag), kTestPage);
  }
  std::printf("%d died with CRIU, %d lived on\n", died, lived);
  EXPECT_GT(died, 0);
  EXPECT_GT(lived, 0);
}

// A CRIU that would not keep the mark is not told to let anything go.
TEST_F(Released, NothingIsGrantedWithoutTheLibrary) {
  const TestTask task(tick);
  task.await("ready");
  ASSERT_NO_FATAL_FAILURE(dump(task, {task.pid()}));
  const ReleaseMark mark(dump_.images());  // no CRIU has been told of it
  EXPECT_THROW(mark.grant(), base::Error);
  EXPECT_THROW(mark.require_whole(), base::Error);
}

}  // namespace
}  // namespace ferry::criu
