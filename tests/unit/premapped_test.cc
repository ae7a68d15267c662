// SPDX-License-Identifier: Apache-2.0
//
// Pages that are put in place while the real CRIU is still building the task.
#include <signal.h>
#include <sys/resource.h>


#include "criu/lazy_pages_socket.h"
#include "criu/premapped_image.h"
#include "criu/premapped_socket.h"
#include "criu/test_lazy_restore.h"
#include "kernel/pagemap_scan.h"
#include "memory/vma.h"
#include "migration/reserve_filler.h"
#include "settling_workload.h"

namespace ferry::criu {
namespace {

constexpr uint64_t kLarge = 0x230000000000, kFixed = 0x240000000000;
constexpr size_t kLargePages = 8192;  // 32 MiB
constexpr int kOpenFiles = 5000;      // CRIU opens them while the areas are empty: there is time for the filler

bool is_stored(size_t page) { return page % 5 != 4; }

// Says what is wrong in its memory once it runs again, then changes it and looks again.
void be_checked(const TestTask::Say& say) {
  map_at(kFlag, 1, MAP_SHARED);
  map_at(kArea, kPages);
  map_at(kLarge, kLargePages);
  map_at(kFixed, kPages, MAP_PRIVATE | MAP_NORESERVE);
  write_area(1);
  const rlimit enough{2 * kOpenFiles, 2 * kOpenFiles};
  ::setrlimit(RLIMIT_NOFILE, &enough);
  for (int i = 0; i < kOpenFiles; ++i) ::open("/dev/null", O_RDONLY);
  auto* large = reinterpret_cast<uint64_t*>(kLarge);
  const auto word_at = [&](size_t page) -> uint64_t& { return large[page * kTestPage / 8 + page % 512]; };
  for (size_t i = 0; i < kLargePages; ++i) {
    if (is_stored(i)) word_at(i) = word_for(i, 7);
  }
  ::memset(reinterpret_cast<void*>(kFixed), 9, kPages * kTestPage);
  ::mprotect(reinterpret_cast<void*>(kFixed), kPages * kTestPage, PROT_READ);
  say("ready");
  wait_for_go();
  size_t wrong = wrong_in_area(1);
  for (size_t i = 0; i < kLargePages; ++i) wrong += word_at(i) != (is_stored(i) ? word_for(i, 7) : 0);
  const auto* fixed = reinterpret_cast<const char*>(kFixed);
  for (size_t i = 0; i < kPages * kTestPage; ++i) wrong += fixed[i] != 9;
  say(fmt::format("wrong {}", wrong));
  write_area(2);
  say(fmt::format("written, wrong {}", wrong_in_area(2)));
}

class PremappedRestore : public LazyRestore {
 protected:
  // Dumped, the store filled, and those who fill it waiting for CRIU.
  void prepare(bool serves = true) {
    task_.emplace(be_checked);
    task_->await("ready");
    ASSERT_NO_FATAL_FAILURE(dump(*task_, {task_->pid()}));
    for (const auto& [address, page] : pages_[task_->pid()]) {
      store_.put(task_->pid(), address, std::as_bytes(std::span(page)), address >= kArea && address < kLarge ? 1 : 0);
    }
    const auto directory = dump_.images().directory();
    name_premapped_areas(directory);
    settling_.emplace(memory::Settling::start(store_, {listen_lazy_pages(directory), listen_premapped(directory)},
                                              {{}, directory / "settling", memory::testing::launch_forked, {}}));
    if (serves) settling_->serve(store_);
  }
  void prefill_and_run() {
    settling_->prefill(memory::testing::in_ms(20'000));
    ASSERT_NO_FATAL_FAILURE(run());
    settling_->begin_fill();
  }
  void expect_right() {
    say_go(task_->pid());
    const std::string said = task_->await("written");
    EXPECT_NE(said.find("\nwrong 0\n"), std::string::npos) << said;
    EXPECT_NE(said.find("written, wrong 0\n"), std::string::npos) << said;
  }
  size_t untouched_that_are_there() const {
    std::vector<uint64_t> entries(kLargePages);
    const auto pagemap = kernel::Pagemap::try_open(task_->pid());
    EXPECT_EQ(pagemap->read_entries(kLarge, entries), entries.size());
    size_t there = 0;
    for (size_t i = 0; i < kLargePages; ++i) there += !is_stored(i) && entries[i] >> 62 != 0;
    return there;
  }
  std::optional<TestTask> task_;
  memory::Store store_;
  std::optional<memory::Settling> settling_;
};

TEST_F(PremappedRestore, PagesAreThereBeforeTheTaskIsWhole) {
  ASSERT_NO_FATAL_FAILURE(prepare());
  const uint64_t stored = store_.bytes_held();
  ASSERT_NO_FATAL_FAILURE(restore());
  const uint64_t early = settling_->progress().premapped_bytes;
  EXPECT_GT(early, 0u);
  EXPECT_LE(early, stored);
  ASSERT_NO_FATAL_FAILURE(prefill_and_run());
  EXPECT_TRUE(settling_->wait_settled(memory::testing::in_ms(20'000)));
  EXPECT_EQ(untouched_that_are_there(), 0u);
  expect_right();
  const auto progress = settling_->progress();
  EXPECT_EQ(progress.unplaced_bytes, 0u);
  EXPECT_EQ(store_.bytes_held(), 0u);
  EXPECT_EQ(progress.takeovers, 0u);
  const auto status = base::read_file(fmt::format("/proc/{}/status", task_->pid()));
  EXPECT_NE(status.find("THP_enabled:\t1"), std::string::npos) << status;
}

// The task does not wait for a filler that has gone in the middle of a batch, and gets all its pages.
TEST_F(PremappedRestore, AFillerThatIsKilledMeanwhileLosesNothing) {
  std::atomic<bool> is_over = false;
  ASSERT_NO_FATAL_FAILURE(prepare());
  std::thread killer([&] {
    while (!is_over) {
      ::usleep(50);
      if (settling_->progress().premapped_bytes == 0) continue;
      ::kill(settling_->processes().front(), SIGKILL);
      return;
    }
  });
  ASSERT_NO_FATAL_FAILURE(restore());
  is_over = true;
  killer.join();
  EXPECT_GT(settling_->progress().premapped_bytes, 0u);
  ASSERT_NO_FATAL_FAILURE(prefill_and_run());
  expect_right();
  EXPECT_TRUE(settling_->wait_settled(memory::testing::in_ms(20'000)));
  EXPECT_EQ(settling_->progress().takeovers, 1u);
}

// What was put into CRIU's own memory before it was asked for anything.
class ReservedRestore : public PremappedRestore {
 protected:
  void will_start(base::SpawnOptions& options) override { reserve_.add_to(options); }
  void has_started(Session& session) override {
    session.warm_up(base::mono_now() + kTestLimit);
    ASSERT_TRUE(reserve_.wait_for_it());
    migration::ReserveFiller filler(reserve_, store_, task_->pid(), areas_, [] { return true; });
    std::this_thread::sleep_for(base::milliseconds(300));
    filler.publish();
    settling_->serve(store_);
  }
  Reserve reserve_;
  std::vector<migration::ReservedArea> areas_{{{kArea, kArea + kPages * kTestPage}, memory::kAccounted},
                                              {{kLarge, kLarge + kLargePages * kTestPage}, memory::kAccounted},
                                              {{kFixed, kFixed + kPages * kTestPage}, memory::kUnaccounted}};
};

TEST_F(ReservedRestore, PagesAreThereBeforeCriuIsAsked) {
  ASSERT_NO_FATAL_FAILURE(prepare(false));
  ASSERT_NO_FATAL_FAILURE(restore());
  EXPECT_EQ(reserve_.table().count, areas_.size());
  // All of these areas; what else the task has is little.
  size_t stored = 0;
  for (size_t i = 0; i < kLargePages; ++i) stored += is_stored(i);
  EXPECT_GE(settling_->progress().premapped_bytes, (stored + kPages) * kTestPage);
  for (const auto& [range, kind] : areas_) {
    for (const auto& left : store_.stored(task_->pid())) EXPECT_TRUE(left.end <= range.start || left.start >= range.end);
  }
  ASSERT_NO_FATAL_FAILURE(prefill_and_run());
  EXPECT_TRUE(settling_->wait_settled(memory::testing::in_ms(20'000)));
  EXPECT_EQ(untouched_that_are_there(), 0u);
  expect_right();
  EXPECT_EQ(settling_->progress().unplaced_bytes, 0u);
  const auto vmas = memory::try_read_smaps(task_->pid());
  const auto large = std::ranges::find_if(*vmas, [](const auto& vma) { return vma.range.start == kLarge; });
  EXPECT_TRUE(large->has_flag("ac"));
  EXPECT_FALSE(large->has_flag("nr"));
  const auto fixed = std::ranges::find_if(*vmas, [](const auto& vma) { return vma.range.start == kFixed; });
  EXPECT_EQ(fixed->permissions, "r--p");
  EXPECT_TRUE(fixed->has_flag("nr"));
}

// An area that has become another one since is made by CRIU, and filled as any other.
TEST_F(ReservedRestore, AnAreaThatIsNotAsItWasSaidIsFilledLater) {
  areas_[1].range.end -= kTestPage;
  ASSERT_NO_FATAL_FAILURE(prepare(false));
  ASSERT_NO_FATAL_FAILURE(restore());
  ASSERT_NO_FATAL_FAILURE(prefill_and_run());
  expect_right();
  EXPECT_TRUE(settling_->wait_settled(memory::testing::in_ms(20'000)));
}

}  // namespace
}  // namespace ferry::criu
