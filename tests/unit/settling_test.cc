// SPDX-License-Identifier: Apache-2.0
//
// Filling a restored address space: content, what is told, what is left behind.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <thread>

#include "base/error.h"
#include "kernel/uapi.h"
#include "settling_workload.h"

namespace ferry::memory::testing {
namespace {


// Restored, first pages in place, the fill begun.
Settling started(Workload& workload, Store& store) {
  workload.fill_store(store);
  auto settling = workload.settle(store);
  workload.restore();
  settling.prefill(in_ms(10'000));
  settling.begin_fill();
  return settling;
}

TEST(Settling, EveryPageArrivesAndTheStoreIsEmptyThen) {
  Workload workload({}, [](const Inside& in) { in.expect_pages(kHome, kHome + in.bytes, kHome); });
  Store store;
  auto settling = started(workload, store);
  workload.run();
  EXPECT_EQ(workload.result(), "");
  EXPECT_TRUE(settling.wait_settled(in_ms(20'000)));
  const auto progress = settling.progress();
  EXPECT_EQ(progress.unplaced_bytes, 0u);
  EXPECT_EQ(progress.bytes_total, 8 * kMiB);
  EXPECT_EQ(progress.takeovers, 0u);
  EXPECT_EQ(store.bytes_held(), 0u);
}

// The time until it may run is not wasted. That it has settled is only said when it has been told to run.
TEST(Settling, IsFilledBeforeItRunsWhenThereIsTime) {
  Workload workload({}, [](const Inside& in) { in.expect_pages(kHome, kHome + in.bytes, kHome); });
  Store store;
  workload.fill_store(store);
  auto settling = workload.settle(store);
  workload.restore();
  settling.prefill(in_ms(10'000));
  const auto deadline = in_ms(20'000);
  while (store.bytes_held() > 0 && base::mono_now() < deadline) std::this_thread::sleep_for(base::milliseconds(1));
  EXPECT_EQ(store.bytes_held(), 0u);
  EXPECT_FALSE(settling.progress().settled);
  workload.run();
  EXPECT_EQ(workload.result(), "");
  EXPECT_FALSE(settling.progress().settled);
  settling.begin_fill();
  EXPECT_TRUE(settling.wait_settled(in_ms(20'000)));
  EXPECT_EQ(settling.progress().faults, 0u);
}

TEST(Settling, PagesThatAreNotStoredAreZero) {
  Workload workload({}, [](const Inside& in) {
    in.expect_zeros(kHome + kMiB, kHome + 2 * kMiB);
    in.expect_pages(kHome, kHome + kMiB, kHome);
    in.expect_pages(kHome + 2 * kMiB, kHome + in.bytes, kHome + 2 * kMiB);
  });
  Store store;
  workload.fill_store(store);
  store.drop(workload.pid(), {kHome + kMiB, kHome + 2 * kMiB});
  auto settling = workload.settle(store);
  workload.restore();
  workload.run();
  EXPECT_EQ(workload.result(), "");  // by faults alone
  settling.begin_fill();
  EXPECT_TRUE(settling.wait_settled(in_ms(20'000)));
}

// Each page is either read and compared, or written and compared later.
void read_and_write(const Inside& in) {
  std::atomic<bool> wrong = false;
  const auto work = [&](uint64_t which, uint64_t seed) {
    std::mt19937_64 random(seed);
    const uint64_t pages = in.bytes / kPageBytes;
    std::vector<bool> written(pages);
    for (uint64_t i = 0; i < pages; ++i) {
      const uint64_t page = random() % pages / 4 * 4 + which;
      const uint64_t at = kHome + page * kPageBytes;
      wrong = wrong || !is_page(written[page] ? at + kFar : at, reinterpret_cast<void*>(at));
      if (random() % 2 == 0) continue;
      make_page(at + kFar, std::span(reinterpret_cast<uint64_t*>(at), kPageBytes / 8));
      written[page] = true;
    }
    for (uint64_t page = which; page < pages; page += 4) {
      const uint64_t at = kHome + page * kPageBytes;
      wrong = wrong || !is_page(written[page] ? at + kFar : at, reinterpret_cast<void*>(at));
    }
  };
  std::vector<std::thread> threads;
  for (uint64_t which = 0; which < 4; ++which) threads.emplace_back(work, which, which + 1);
  for (auto& thread : threads) thread.join();
  in.expect(!wrong, "a page is wrong");
}

TEST(Settling, ThreadsReadAndWriteMeanwhile) {
  Workload workload({.bytes = 64 * kMiB}, read_and_write);
  Store store;
  auto settling = started(workload, store);
  workload.run();
  EXPECT_EQ(workload.result(), "");
  EXPECT_TRUE(settling.wait_settled(in_ms(30'000)));
  EXPECT_GT(settling.progress().faults, 0u);
}

TEST(Settling, AFaultDoesNotWaitForTheFill) {
  Workload workload({.bytes = 256 * kMiB}, [](const Inside& in) {
    std::mt19937_64 random(1);
    for (int i = 0; i < 300; ++i) {
      const uint64_t at = kHome + random() % (in.bytes / kPageBytes) * kPageBytes;
      in.expect_pages(at, at + kPageBytes, at);
    }
  });
  Store store;
  workload.fill_store(store);
  auto settling = workload.settle(store);
  workload.restore();
  workload.run();
  settling.begin_fill();
  EXPECT_EQ(workload.result(), "");
  ASSERT_TRUE(settling.wait_settled(in_ms(30'000)));
  const auto progress = settling.progress();
  ASSERT_GT(progress.faults, 20u);
  EXPECT_LT(static_cast<double>(progress.worst_fault_us) / 1000, progress.fill_ms / 2);
  RecordProperty("fill_ms", std::to_string(progress.fill_ms));
  RecordProperty("worst_fault_us", std::to_string(progress.worst_fault_us));
}

TEST(Settling, TheStoreShrinksAsItDrains) {
  Workload workload({.bytes = 64 * kMiB}, [](const Inside& in) {
    in.expect_pages(kHome, kHome + in.bytes / 2, kHome);  // by faults alone
  });
  Store store;
  workload.fill_store(store);
  auto settling = workload.settle(store);
  workload.restore();
  EXPECT_EQ(store.bytes_held(), 64 * kMiB);
  workload.run();
  for (int i = 0; i < 1000 && store.bytes_held() > 32 * kMiB; ++i) ::usleep(10'000);
  EXPECT_EQ(store.bytes_held(), 32 * kMiB);
  settling.begin_fill();
  EXPECT_TRUE(settling.wait_settled(in_ms(20'000)));
  EXPECT_EQ(store.bytes_held(), 0u);
}

TEST(Settling, FirstPagesAreThereBeforeTheWorkloadRuns) {
  Workload workload({}, [](const Inside&) {});
  Store store;
  workload.fill_store(store);
  const AddressRange first{kHome + 4 * kPageBytes, kHome + 9 * kPageBytes};
  store.drop(workload.pid(), {first.start, first.start + kPageBytes});  // zeros are prefilled, too
  store.set_first(workload.pid(), {first});
  auto settling = workload.settle(store);
  workload.restore();
  const auto memory = base::open_file(fmt::format("/proc/{}/mem", workload.pid()), O_RDONLY);
  std::vector<std::byte> page(kPageBytes);
  const auto peek = [&](uint64_t at) {
    return ::pread(memory.get(), page.data(), page.size(), static_cast<off_t>(at)) > 0;
  };
  EXPECT_FALSE(peek(first.start + kPageBytes)) << "not even ptrace sees a missing page";
  settling.prefill(in_ms(10'000));
  EXPECT_TRUE(peek(first.start));
  EXPECT_TRUE(is_zero(page.data()));
  for (uint64_t at = first.start + kPageBytes; at < first.end; at += kPageBytes) {
    EXPECT_TRUE(peek(at));
    EXPECT_TRUE(is_page(at, page.data()));
  }
  settling.abort();  // the rest is on its way already
}

TEST(Settling, APageWithNowhereToGoIsSaidBeforeTheWorkloadRuns) {
  Workload workload({}, [](const Inside&) {});
  Store store;
  workload.fill_store(store);
  std::vector<uint64_t> words(kPageBytes / 8);
  store.put(workload.pid(), kFar, std::as_bytes(std::span(words)), 0);
  auto settling = workload.settle(store);
  workload.restore();
  try {
    settling.prefill(in_ms(10'000));
    ADD_FAILURE() << "it was not noticed";
  } catch (const base::Error& error) {
    EXPECT_NE(std::string(error.what()).find("at 0x20000000000 of"), std::string::npos)
        << error.what();
  }
  settling.abort();
}

TEST(Settling, AGuardRegionStaysOne) {
  constexpr AddressRange guard{kHome + 16 * kPageBytes, kHome + 20 * kPageBytes};
  bool supported = false;
  {
    void* probe = ::mmap(nullptr, kPageBytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    supported = ::madvise(probe, kPageBytes, kernel::kAdviseGuardInstall) == 0;
    ::munmap(probe, kPageBytes);
  }
  if (!supported) GTEST_SKIP() << "this kernel has no MADV_GUARD_INSTALL (Linux 6.13)";
  Workload workload({.prepare =
                         [=] {
                           auto* at = reinterpret_cast<void*>(guard.start);
                           if (::madvise(at, guard.bytes(), kernel::kAdviseGuardInstall) != 0) {
                             throw base::SysError("madvise", errno, "guard");
                           }
                         }},
                    [=](const Inside& in) {
                      in.expect_pages(kHome, guard.start, kHome);
                      in.expect_pages(guard.end, kHome + in.bytes, guard.end);
                      const pid_t child = ::fork();
                      if (child == 0) {
                        ::signal(SIGSEGV, SIG_DFL);
                        ::_exit(*reinterpret_cast<volatile char*>(guard.start));
                      }
                      int status = 0;
                      ::waitpid(child, &status, 0);
                      in.expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "no SIGSEGV");
                    });
  Store store;
  workload.fill_store(store);
  store.drop(workload.pid(), guard);
  auto settling = workload.settle(store);
  workload.restore();
  settling.prefill(in_ms(10'000));
  settling.begin_fill();
  ASSERT_TRUE(settling.wait_settled(in_ms(20'000)));
  workload.run();
  EXPECT_EQ(workload.result(), "");
}

TEST(Settling, AnIdleCopyInTheWorkloadDoesNoHarmAfterwards) {
  Workload workload({.own_copy = true}, [](const Inside& in) {
    in.expect_zeros(kHome + kMiB, kHome + 2 * kMiB);  // never filled, never touched before
    in.expect_pages(kHome, kHome + kMiB, kHome);
  });
  Store store;
  workload.fill_store(store);
  store.drop(workload.pid(), {kHome + kMiB, kHome + 2 * kMiB});
  auto settling = workload.settle(store);
  workload.restore();
  settling.begin_fill();
  ASSERT_TRUE(settling.wait_settled(in_ms(20'000)));
  workload.run();
  EXPECT_EQ(workload.result(5000), "");
}

}  // namespace
}  // namespace ferry::memory::testing
