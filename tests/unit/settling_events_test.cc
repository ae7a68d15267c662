// SPDX-License-Identifier: Apache-2.0
//
// What the workload does to its address space while it is being filled: each event by itself,
// before anything has been filled and while it is, and all together.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "settling_stress.h"

namespace ferry::memory::testing {
namespace {



void drop(const Inside& in) {
  in.expect(::madvise(pointer(kHome + kMiB), kMiB, MADV_DONTNEED) == 0, "madvise");
  in.expect_zeros(kHome + kMiB, kHome + 2 * kMiB);
  in.expect_pages(kHome, kHome + kMiB, kHome);
  in.expect_pages(kHome + 2 * kMiB, kHome + in.bytes, kHome + 2 * kMiB);
}

void unmap(const Inside& in) {
  in.expect(::munmap(pointer(kHome + kMiB), kMiB) == 0, "munmap");
  in.expect_pages(kHome, kHome + kMiB, kHome);
  in.expect_pages(kHome + 2 * kMiB, kHome + in.bytes, kHome + 2 * kMiB);
  // What is mapped there anew is new.
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
  in.expect(::mmap(pointer(kHome + kMiB), kMiB, PROT_READ, kFlags, -1, 0) == pointer(kHome + kMiB),
            "mmap");
  in.expect_zeros(kHome + kMiB, kHome + 2 * kMiB);
}

void move(const Inside& in) {
  void* to =
      ::mremap(pointer(kHome + kMiB), kMiB, 2 * kMiB, MREMAP_MAYMOVE | MREMAP_FIXED, pointer(kFar));
  in.expect(to == pointer(kFar), "mremap");
  in.expect_pages(kFar, kFar + kMiB, kHome + kMiB);
  in.expect_zeros(kFar + kMiB, kFar + 2 * kMiB);
  in.expect_pages(kHome, kHome + kMiB, kHome);
}

void shrink_and_grow(const Inside& in) {
  const uint64_t last = kHome + in.bytes - kMiB;
  in.expect(::mremap(pointer(kHome), in.bytes, in.bytes - kMiB, 0) == pointer(kHome), "shrink");
  in.expect(::mremap(pointer(kHome), in.bytes - kMiB, in.bytes, 0) == pointer(kHome), "grow");
  in.expect_zeros(last, kHome + in.bytes);
  in.expect_pages(kHome, last, kHome);
}

// A child of a fork, and a child of that one; each writes what the others must not see.
void fork_twice(const Inside& in) {
  const auto write = [](uint64_t at, uint64_t origin) {
    make_page(origin, std::span(static_cast<uint64_t*>(pointer(at)), kPageBytes / 8));
  };
  const auto in_a_child = [&](const std::function<void()>& body) {
    const pid_t child = ::fork();
    if (child > 0) return child;
    try {
      body();
    } catch (const std::exception&) {
      ::_exit(1);
    }
    ::_exit(0);
  };
  const uint64_t mine = kHome + kMiB, its = kHome + 2 * kMiB, grandchilds = kHome + 3 * kMiB;
  const pid_t child = in_a_child([&] {
    write(its, 1);
    const pid_t grandchild = in_a_child([&] {
      write(grandchilds, 2);
      in.expect(is_page(1, pointer(its)), "the parent's write is not there");
      in.expect_pages(kHome, its, kHome);
      in.expect_pages(grandchilds + kPageBytes, kHome + in.bytes, grandchilds + kPageBytes);
    });
    in.expect_pages(kHome, its, kHome);
    in.expect_pages(its + kPageBytes, kHome + in.bytes, its + kPageBytes);
    int status = 0;
    in.expect(::waitpid(grandchild, &status, 0) == grandchild && status == 0, "the grandchild");
  });
  write(mine, 3);
  in.expect(::madvise(pointer(kHome + 4 * kMiB), kMiB, MADV_DONTNEED) == 0, "madvise");
  int status = 0;
  in.expect(::waitpid(child, &status, 0) == child && status == 0, "the child");
  in.expect(is_page(3, pointer(mine)), "our own write is not there");
  in.expect_zeros(kHome + 4 * kMiB, kHome + 5 * kMiB);
  in.expect_pages(kHome + 5 * kMiB, kHome + in.bytes, kHome + 5 * kMiB);
}

void do_not_pass_on(const Inside& in) {
  in.expect(::madvise(pointer(kHome + kMiB), kMiB, MADV_DONTFORK) == 0 &&
                ::madvise(pointer(kHome + 2 * kMiB), kMiB, MADV_WIPEONFORK) == 0,
            "madvise");
}

void stress(const Inside& in) {
  Stress stress(in, 7);
  for (int i = 0; i < 3000; ++i) stress.step();
  stress.check_all();
}

struct Case {
  const char* name;
  std::function<void(const Inside&)> body;
  friend std::ostream& operator<<(std::ostream& out, const Case& one) { return out << one.name; }
};

class SettlingEvents : public ::testing::TestWithParam<Case> {};

TEST_P(SettlingEvents, BeforeAnythingIsFilled) {
  Workload workload({}, GetParam().body);
  Store store;
  workload.fill_store(store);
  auto settling = workload.settle(store);
  workload.restore();
  workload.run();
  EXPECT_EQ(workload.result(), "");
  const auto progress = settling.progress();
  EXPECT_GT(progress.events, 0u);
  EXPECT_EQ(progress.takeovers, 0u) << progress.trouble;
}

TEST_P(SettlingEvents, WhileItIsFilled) {
  Workload workload({.bytes = 32 * kMiB}, GetParam().body);
  Store store;
  workload.fill_store(store);
  auto settling = workload.settle(store);
  workload.restore();
  settling.begin_fill();
  workload.run();
  EXPECT_EQ(workload.result(), "");
  EXPECT_TRUE(settling.wait_settled(in_ms(30'000)));
  EXPECT_EQ(settling.progress().unplaced_bytes, 0u);
  EXPECT_EQ(settling.progress().takeovers, 0u) << settling.progress().trouble;
}

INSTANTIATE_TEST_SUITE_P(Each, SettlingEvents,
                         ::testing::Values(Case{"drop", drop}, Case{"unmap", unmap},
                                           Case{"move", move},
                                           Case{"shrink_and_grow", shrink_and_grow},
                                           Case{"fork_twice", fork_twice}, Case{"stress", stress}),
                         [](const auto& one) { return one.param.name; });

TEST(SettlingFork, WhatIsNotPassedOnIsNotFilledInTheChild) {
  Workload workload({.prepare = [] { do_not_pass_on({}); }}, [](const Inside& in) {
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        in.expect_zeros(kHome + 2 * kMiB, kHome + 3 * kMiB);
        in.expect_pages(kHome + 3 * kMiB, kHome + in.bytes, kHome + 3 * kMiB);
        ::usleep(300'000);
        in.expect_zeros(kHome + 2 * kMiB, kHome + 3 * kMiB);
        ::_exit(0);
      } catch (const std::exception&) {
        ::_exit(1);
      }
    }
    int status = 0;
    in.expect(::waitpid(child, &status, 0) == child && status == 0, "the child");
    in.expect_pages(kHome, kHome + in.bytes, kHome);
  });
  Store store;
  workload.fill_store(store);
  auto settling = workload.settle(store);
  workload.restore();
  settling.prefill(in_ms(10'000));
  workload.run();
  ::usleep(50'000);
  settling.begin_fill();
  EXPECT_EQ(workload.result(), "");
  EXPECT_TRUE(settling.wait_settled(in_ms(20'000)));
  EXPECT_EQ(settling.progress().unplaced_bytes, 0u);
}

}  // namespace
}  // namespace ferry::memory::testing
