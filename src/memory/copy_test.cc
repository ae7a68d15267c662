// SPDX-License-Identifier: Apache-2.0
//
// The whole of it: a process with writer threads changes its memory in every way that there is, at random but seeded,
// while rounds are copied as a move does it. After the last round the copy must be the memory, byte for byte.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstring>
#include <map>
#include <random>
#include <thread>

#include "kernel/procfs.h"
#include "memory/page_reader.h"
#include "memory/test_child.h"
#include "memory/workload_tracker.h"

namespace ferry::memory {
namespace {

constexpr uint64_t kArena = 4096;  // pages of addresses that the workload plays with

// In the child: each thread does one thing after the other, in a part of the arena of its own.
void churn(const Region& arena, uint64_t first, uint64_t pages, uint64_t seed, const std::atomic<bool>& stop) {
  std::mt19937_64 random(seed);
  constexpr int kFixed = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  constexpr int kWritable = PROT_READ | PROT_WRITE;
  while (!stop) {
    const uint64_t length = 1 + random() % 32;
    const uint64_t from = first + random() % (pages - length), to = first + random() % (pages - length);
    char* memory = arena.at(from);
    switch (random() % 16) {
      case 0: ::mmap(memory, length * kPageBytes, kWritable, kFixed, -1, 0); break;
      case 1: ::munmap(memory, length * kPageBytes), ::mmap(memory, length * kPageBytes, kWritable, kFixed, -1, 0); break;
      case 2: ::madvise(memory, length * kPageBytes, MADV_DONTNEED); break;
      case 3: ::mprotect(memory, length * kPageBytes, PROT_NONE), ::mprotect(memory, length * kPageBytes, kWritable); break;
      case 4:
        if (to + length <= from || from + length <= to) {
          const uint64_t piece = 1 + random() % 4;
          ::mremap(memory, std::min(piece, length) * kPageBytes, std::min(piece, length) * kPageBytes,
                   MREMAP_MAYMOVE | MREMAP_FIXED, arena.at(to));
          ::mmap(memory, length * kPageBytes, kWritable, kFixed, -1, 0);
        }
        break;
      case 5: std::memset(memory, 0, length * kPageBytes); break;
      case 6: ::madvise(memory, length * kPageBytes, MADV_FREE); break;
      default:
        for (uint64_t page = from; page < from + length; ++page) *arena.at(page) = static_cast<char>(random());
    }
    ::usleep(random() % 200);
  }
}

using Page = std::array<std::byte, kPageBytes>;

class Copy {
 public:
  void take(const SpaceRound& space) {
    if (space.fresh) store_.clear();
    PageReader reader = PageReader::try_open(space.pid).value();
    for (const AddressRange& range : space.scan.written) {
      std::vector<std::byte> data(range.bytes());
      const std::vector<AddressRange> ranges{range};
      for (const AddressRange& got : reader.read(ranges, data)) {
        std::span bytes = std::span(data).subspan(got.start - range.start, got.bytes());
        for (uint64_t at = got.start; at < got.end; at += kPageBytes) {
          std::memcpy(store_[at].data(), bytes.data() + (at - got.start), kPageBytes);
        }
      }
    }
  }
  void drop_all_but(const PageSet& present) {
    std::erase_if(store_, [&](const auto& page) { return !present.contains(page.first); });
  }
  const std::map<uint64_t, Page>& pages() const { return store_; }

 private:
  std::map<uint64_t, Page> store_;
};

void compare(const Copy& copy, const SpaceRound& last) {
  const base::Fd memory = base::open_file(fmt::format("/proc/{}/mem", last.pid), O_RDONLY);
  uint64_t wrong = 0, compared = 0;
  for (const AddressRange& range : last.scan.present) {
    for (uint64_t at = range.start; at < range.end; at += kPageBytes) {
      Page now{};
      const ssize_t got = ::pread(memory.get(), now.data(), now.size(), static_cast<off_t>(at));
      ASSERT_EQ(got, static_cast<ssize_t>(now.size()));
      ++compared;
      const auto stored = copy.pages().find(at);
      if (stored == copy.pages().end() ? !is_zero(now.data(), now.size()) : stored->second != now) ++wrong;
    }
  }
  EXPECT_EQ(wrong, 0u) << "of " << compared;
  EXPECT_GT(compared, 100u);
}

class MemoryCopy : public ::testing::TestWithParam<int> {};

TEST_P(MemoryCopy, IsTheMemoryAfterTheLastRound) {
  const Support support = probe();
  if (support.backend != Backend::kUffdWp) GTEST_SKIP() << support.why;
  const Region arena(kArena, PROT_READ | PROT_WRITE, MAP_NORESERVE);
  TestChild child([&](int seed) {
    static std::atomic<bool> stop{false};
    for (uint64_t i = 0; i < 3; ++i) {
      std::thread([&arena, seed, i] {
        churn(arena, i * kArena / 3, kArena / 3, static_cast<uint64_t>(seed) * 10 + i, stop);
      }).detach();
    }
  });
  child.do_step(GetParam());
  WorkloadTracker tracker(support);
  Copy copy;
  for (int round = 0; round < 6; ++round) {
    const WorkloadRound result = tracker.round({child.pid()});
    ASSERT_EQ(result.spaces.size(), 1u);
    if (round == 0 && !result.spaces[0].tracked) {
      --round;  // a busy machine: it did not stop in time
      continue;
    }
    ASSERT_TRUE(result.spaces[0].tracked) << result.spaces[0].why_untracked;
    ASSERT_EQ(result.spaces[0].fresh, round == 0);
    copy.take(result.spaces[0]);
  }
  ::kill(child.pid(), SIGSTOP);
  for (const pid_t tid : kernel::threads_of(child.pid())) {
    while (kernel::task_state(tid) != 'T') ::usleep(1000);
  }
  const WorkloadRound last = tracker.last_round({child.pid()});
  ASSERT_EQ(last.spaces.size(), 1u);
  EXPECT_FALSE(last.spaces[0].fresh);
  copy.take(last.spaces[0]);
  copy.drop_all_but(last.spaces[0].scan.present);
  compare(copy, last.spaces[0]);
}

INSTANTIATE_TEST_SUITE_P(Seeds, MemoryCopy, ::testing::Range(1, 5));

}  // namespace
}  // namespace ferry::memory
