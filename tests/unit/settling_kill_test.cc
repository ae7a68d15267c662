// SPDX-License-Identifier: Apache-2.0
//
// SIGKILL, at any moment: of the filler, of the guardian, of both. No page is ever lost, and none
// ever reads as zero that is not.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <random>

#include "settling_stress.h"

namespace ferry::memory::testing {
namespace {


void live_on(const Inside& in) {
  Stress stress(in, static_cast<uint64_t>(::getpid()));
  for (int i = 0; i < 4000; ++i) stress.step();
  stress.check_all();
}

enum class Victim { kFiller, kGuardian, kEither };

// Kills until the workload has done what it does; returns how many kills hit somebody.
int kill_meanwhile(Workload& workload, const Settling& settling, Victim victim,
                   std::mt19937_64& random) {
  int kills = 0;
  while (!workload.is_finished(0)) {
    ::usleep(static_cast<unsigned>(random() % 20'000));
    const auto processes = settling.processes();
    if (processes.size() < 2) continue;  // one has just died: both at once is another test
    const size_t which = victim == Victim::kFiller     ? 0
                         : victim == Victim::kGuardian ? 1
                                                       : random() % 2;
    kills += ::kill(processes[which], SIGKILL) == 0;
    const auto is_still_there = [&] {
      return std::ranges::count(settling.processes(), processes[which]) > 0;
    };
    while (is_still_there()) ::usleep(100);
  }
  return kills;
}

void survive(Victim victim, int wanted_kills) {
  std::mt19937_64 random(42);
  int kills = 0;
  for (int moves = 0; kills < wanted_kills; ++moves) {
    ASSERT_LT(moves, wanted_kills) << "the workload is always done before it can be disturbed";
    Workload workload({.bytes = 16 * kMiB, .own_copy = true}, live_on);
    Store store;
    workload.fill_store(store);
    auto settling = workload.settle(store);
    workload.restore();
    workload.run();
    if (moves % 2 == 0) settling.begin_fill();
    kills += kill_meanwhile(workload, settling, victim, random);
    ASSERT_EQ(workload.result(), "") << settling.progress().trouble;
    settling.begin_fill();
    ASSERT_TRUE(settling.wait_settled(in_ms(30'000)));
    ASSERT_EQ(settling.progress().unplaced_bytes, 0u);
    ASSERT_EQ(settling.progress().trouble, "");
  }
}

TEST(SettlingKill, OfTheFillerAtFiftyMoments) { survive(Victim::kFiller, 50); }
TEST(SettlingKill, OfTheGuardian) { survive(Victim::kGuardian, 15); }
TEST(SettlingKill, OfEither) { survive(Victim::kEither, 25); }

// CRIU goes on announcing address spaces whoever listens.
TEST(SettlingKill, OfTheFillerDuringTheRestore) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 20; ++i) {
    Workload workload({},
                      [](const Inside& in) { in.expect_pages(kHome, kHome + in.bytes, kHome); });
    Store store;
    workload.fill_store(store);
    auto settling = workload.settle(store);
    while (settling.processes().size() < 2) ::usleep(100);
    ::usleep(static_cast<unsigned>(random() % 500));
    const pid_t filler = settling.processes()[0];
    workload.restore();
    ::kill(filler, SIGKILL);
    settling.prefill(in_ms(10'000));
    settling.begin_fill();
    workload.run();
    ASSERT_EQ(workload.result(), "");
    ASSERT_TRUE(settling.wait_settled(in_ms(20'000)));
  }
}

// All of ferry's processes in the same instant, in the middle of the workload's reading.
std::string read_on_after_all_are_killed(bool own_copy, unsigned after_us, bool& in_the_middle) {
  Workload workload({.bytes = 4 * kMiB, .own_copy = own_copy},
                    [](const Inside& in) { in.expect_pages(kHome, kHome + in.bytes, kHome); });
  Store store;
  workload.fill_store(store);
  auto settling = workload.settle(store);
  while (settling.processes().size() < 2) ::usleep(1000);
  workload.restore();
  workload.run();
  ::usleep(after_us);
  in_the_middle = !workload.is_finished(0);
  // The guardian leads a session: one call takes them both, however they may be forking.
  ::kill(-::getpgid(settling.processes().at(0)), SIGKILL);
  for (int i = 0; i < 1000 && settling.is_alive(); ++i) ::usleep(1000);
  if (settling.is_alive()) return "they live";
  return workload.is_finished(5) ? workload.result() : "";
}

TEST(SettlingKill, OfAllItBlocksAndNeverSeesAZero) {
  std::mt19937_64 random(5);
  int kills = 0;
  for (int attempt = 0; kills < 100; ++attempt) {
    ASSERT_LT(attempt, 400);
    bool in_the_middle = false;
    const auto after = static_cast<unsigned>(random() % 5000);
    ASSERT_EQ(read_on_after_all_are_killed(true, after, in_the_middle), "");
    kills += in_the_middle;
  }
}

// Why the copy must be: what the test above would find without it.
TEST(SettlingKill, OfAllItWouldSeeZerosWithoutACopyOfItsOwn) {
  bool in_the_middle = false;
  std::string seen;
  for (int attempt = 0; attempt < 100 && (!in_the_middle || seen.empty()); ++attempt) {
    seen = read_on_after_all_are_killed(false, 500, in_the_middle);
  }
  EXPECT_NE(seen.find("is zero"), std::string::npos) << seen;
}

}  // namespace
}  // namespace ferry::memory::testing
