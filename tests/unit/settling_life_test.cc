// SPDX-License-Identifier: Apache-2.0
//
// When settling ends, who knows of it, and what becomes of it when others end.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "settling_workload.h"

namespace ferry::memory::testing {
namespace {

class SettlingLife : public ::testing::Test {
 protected:
  SettlingLife() { workload.fill_store(store); }
  Settling start(const std::string& name) { return workload.settle(store, name); }
  base::Path markers() const { return workload.directory() / "settling"; }

  static bool ends(const Settling& settling) {
    for (int i = 0; i < 500 && settling.is_alive(); ++i) ::usleep(10'000);
    return !settling.is_alive();
  }

  Workload workload{{}, [](const Inside&) {}};
  Store store;
};

TEST_F(SettlingLife, OthersSeeItUntilItHasSettled) {
  EXPECT_FALSE(find_settling("web", markers()));
  auto settling = start("web");
  auto before = find_settling("web", markers());
  // Whom to ask is not written yet.
  for (int i = 0; i < 500 && before && before->bytes_total == 0; ++i) {
    ::usleep(10'000);
    before = find_settling("web", markers());
  }
  ASSERT_TRUE(before);
  EXPECT_EQ(before->bytes_left, 8 * kMiB);
  EXPECT_FALSE(before->restored);
  workload.restore();
  settling.prefill(in_ms(10'000));
  const auto restored = find_settling("web", markers());
  ASSERT_TRUE(restored);
  EXPECT_TRUE(restored->restored);
  EXPECT_EQ(restored->bytes_total, 8 * kMiB);
  EXPECT_LE(restored->bytes_left, 8 * kMiB);  // it fills ahead from here on
  EXPECT_THROW(start("web"), base::Error);
  settling.begin_fill();
  ASSERT_TRUE(settling.wait_settled(in_ms(20'000)));
  EXPECT_TRUE(ends(settling));
  EXPECT_FALSE(find_settling("web", markers()));
  EXPECT_TRUE(std::filesystem::is_empty(markers()));
}

TEST_F(SettlingLife, AfterItsFerryHasGoneItFillsByItself) {
  {
    auto settling = start("web");
    workload.restore();
    settling.prefill(in_ms(10'000));
    EXPECT_TRUE(find_settling("web", markers()));
  }
  for (int i = 0; i < 500 && find_settling("web", markers()); ++i) ::usleep(10'000);
  EXPECT_FALSE(find_settling("web", markers()));
  EXPECT_EQ(store.bytes_held(), 0u);
}

TEST_F(SettlingLife, ItEndsWhenTheWorkloadHasEnded) {
  auto settling = start("web");
  workload.restore();
  settling.prefill(in_ms(10'000));
  ::kill(workload.pid(), SIGKILL);
  EXPECT_FALSE(settling.wait_settled(in_ms(20'000)));
  EXPECT_TRUE(settling.progress().lost);
  EXPECT_TRUE(ends(settling));
  EXPECT_EQ(store.bytes_held(), 0u);
}

TEST_F(SettlingLife, ItEndsWhenItsFerryHasGoneBeforeAnythingWasRestored) {
  { auto settling = start("web"); }
  for (int i = 0; i < 500 && find_settling("web", markers()); ++i) ::usleep(10'000);
  EXPECT_FALSE(find_settling("web", markers()));
}

TEST_F(SettlingLife, BeforeItServesItEndsWithItsFerryAtOnce) {
  {
    auto settling = workload.stand_by(store, "web");
    EXPECT_TRUE(find_settling("web", markers()));
  }
  EXPECT_FALSE(find_settling("web", markers()));
}

// As after SIGKILL of ferry: nobody tells them.
TEST_F(SettlingLife, BeforeItServesItEndsWhenItsFerryIsKilled) {
  const pid_t ferry = ::fork();
  if (ferry == 0) {
    const auto settling = workload.stand_by(store, "web");
    for (;;) ::pause();
  }
  for (int i = 0; i < 500 && !find_settling("web", markers()); ++i) ::usleep(10'000);
  EXPECT_TRUE(find_settling("web", markers()));
  ::kill(ferry, SIGKILL);
  ::waitpid(ferry, nullptr, 0);
  for (int i = 0; i < 500 && find_settling("web", markers()); ++i) ::usleep(1'000);
  EXPECT_FALSE(find_settling("web", markers()));
}

TEST_F(SettlingLife, WhoeverIsKilledBeforeItServesIsReplaced) {
  auto settling = workload.stand_by(store);
  const auto both = [&] {
    for (int i = 0; i < 500 && settling.processes().size() < 2; ++i) ::usleep(10'000);
    return settling.processes();
  };
  for (const size_t which : {0, 1, 0}) {
    ASSERT_EQ(both().size(), 2u);
    const pid_t victim = settling.processes()[which];
    ::kill(victim, SIGKILL);
    for (int i = 0; i < 500 && std::ranges::count(settling.processes(), victim) > 0; ++i) ::usleep(10'000);
  }
  ASSERT_EQ(both().size(), 2u);
  settling.serve(store);
  workload.restore();
  settling.prefill(in_ms(10'000));
  settling.begin_fill();
  EXPECT_TRUE(settling.wait_settled(in_ms(20'000)));
  EXPECT_EQ(settling.progress().takeovers, 3u);
}

TEST_F(SettlingLife, AbortEndsItAtOnce) {
  auto settling = start("web");
  workload.restore();
  settling.prefill(in_ms(10'000));
  ::kill(workload.pid(), SIGKILL);
  settling.abort();
  EXPECT_FALSE(settling.is_alive());
  EXPECT_TRUE(settling.processes().empty());
  EXPECT_FALSE(find_settling("web", markers()));
  EXPECT_EQ(store.bytes_held(), 0u);
}

TEST_F(SettlingLife, AWorkloadThatRunsAnotherProgramNeedsNoMore) {
  Workload exec({}, [](const Inside&) { ::execl("/bin/sleep", "sleep", "60", nullptr); });
  Store its;
  exec.fill_store(its);
  auto settling = exec.settle(its);
  exec.restore();
  exec.run();
  EXPECT_FALSE(settling.wait_settled(in_ms(20'000)));
  EXPECT_TRUE(settling.progress().lost);
  EXPECT_EQ(its.bytes_held(), 0u);
}

}  // namespace
}  // namespace ferry::memory::testing
