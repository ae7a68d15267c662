// SPDX-License-Identifier: Apache-2.0
//
// All that a program can do to its memory, at random, by several threads and a forked child, until go. Versions of all pages stand in
// shared memory, which moves by other means. FERRY_STRESS_SEED or the clock is the seed; the log tells it.
#include <deque>
#include <mutex>

#include "pages.h"

namespace {

constexpr size_t kThreads = 3, kPages = 1024, kRun = 24;
std::mutex layout;  // held by whoever may leave a gap or fill one

// One thread's memory: it alone changes it.
class Arena {
 public:
  Arena() : region_(place(0), kPages) {
    must(::mprotect(place(0), kPages * kPage, PROT_READ | PROT_WRITE));
    region_.write_all();
  }

  void step(Random& random) {
    const size_t first = random() % (kPages - kRun), count = 1 + random() % kRun;
    switch (random() % 16) {
      case 0: return drop(first, count);
      case 1: return replace(first, count);
      case 2: return move();
      case 3: return protect(first, count, random);
      case 4: return shrink_and_grow(count);
      case 5: return huge(first, count, random() % 2 == 0);
      case 6: return fork_and_check(first, count);
      case 7: return lock(first, count);
      case 8: return short_lived(count);
      default:
        for (size_t i = first; i < first + count; ++i) region_.rewrite(i);
    }
  }
  void check() const { region_.check(); }

 private:
  static constexpr int kAccess = PROT_READ | PROT_WRITE;
  // Two places with room between them, so that nothing else comes to lie where it goes next.
  Page* place(size_t which) { return room_ + which * (kPages + 512); }

  void drop(size_t first, size_t count) {
    must(::madvise(&region_.page(first), count * kPage, MADV_DONTNEED));
    for (size_t i = first; i < first + count; ++i) region_.now_zero(i);
  }
  // New memory at the very same place.
  void replace(size_t first, size_t count) {
    require(::mmap(&region_.page(first), count * kPage, kAccess, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == &region_.page(first), "mmap");
    for (size_t i = first; i < first + count; ++i) region_.now_zero(i);
    region_.rewrite(first);
  }
  void move() {
    const std::lock_guard nobody_maps_into_the_gap(layout);
    Page* const to = place(where_ ^= 1);
    for (size_t at = 0; at < kPages;) at += move_some(at, to);
    region_.moved_to(to);
  }
  // mremap(2) takes one VMA at a time, and there are many by now: page runs of one VMA each are found by trying. From Linux 6.17 on it
  // takes several, but for those with a userfaultfd; at the first of these it gives up, with those before it moved.
  size_t move_some(size_t at, Page* to) {
    for (size_t run = kPages - at;; run = (run + 1) / 2) {
      const bool whole = ::mremap(&region_.page(at), run * kPage, run * kPage, MREMAP_MAYMOVE | MREMAP_FIXED, to + at) != MAP_FAILED;
      require(whole || errno == EFAULT, "mremap");
      const size_t moved = whole ? run : unmapped_pages(at, run);
      require(moved > 0 || run > 1, "mremap of one page");
      if (moved == 0) continue;
      constexpr int kReserve = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE;
      require(::mmap(&region_.page(at), moved * kPage, PROT_NONE, kReserve, -1, 0) == &region_.page(at), "mmap of the gap");
      return moved;
    }
  }
  size_t unmapped_pages(size_t at, size_t most) const {
    unsigned char resident;
    size_t count = 0;
    while (count < most && ::mincore(&region_.page(at + count), kPage, &resident) == -1) {
      require(errno == ENOMEM, "mincore");
      ++count;
    }
    return count;
  }
  void protect(size_t first, size_t count, Random& random) {
    must(::mprotect(&region_.page(first), count * kPage, random() % 2 == 0 ? PROT_NONE : PROT_READ));
    sleep_ns(5 * kMillisecond_ns);
    must(::mprotect(&region_.page(first), count * kPage, kAccess));
    for (size_t i = first; i < first + count; ++i) region_.check(i);
  }
  void shrink_and_grow(size_t count) {
    const std::lock_guard nobody_maps_into_the_gap(layout);
    Page* const end = &region_.page(kPages - count);
    must(::munmap(end, count * kPage));
    sleep_ns(2 * kMillisecond_ns);
    require(::mmap(end, count * kPage, kAccess, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == end, "mmap");
    for (size_t i = kPages - count; i < kPages; ++i) region_.now_zero(i);
  }
  void huge(size_t first, size_t count, bool yes) {
    ::madvise(&region_.page(first), count * kPage, yes ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  }
  void fork_and_check(size_t first, size_t count) {
    uint64_t expected[kRun];
    for (size_t i = 0; i < count; ++i) expected[i] = region_.version(first + i);
    const pid_t child = static_cast<pid_t>(must(::fork()));
    if (child == 0) {
      for (size_t i = 0; i < count; ++i) {
        require_page(region_.page(first + i), first + i, expected[i]);
        write_page(region_.page(first + i), first + i, 1'000'000'000);
      }
      sleep_ns(3 * kMillisecond_ns);
      for (size_t i = 0; i < count; ++i) require_page(region_.page(first + i), first + i, 1'000'000'000);
      ::_exit(0);
    }
    for (size_t i = first; i < first + count; i += 2) region_.rewrite(i);
    expect_exit(child);
  }
  void lock(size_t first, size_t count) {
    if (::mlock(&region_.page(first), count * kPage) == -1) return;
    for (size_t i = first; i < first + count; ++i) region_.rewrite(i);
    must(::munlock(&region_.page(first), count * kPage));
  }
  static void short_lived(size_t count) {
    Page* const pages = [count] {
      const std::lock_guard no_gap_is_open(layout);
      return map_pages(count);
    }();
    for (size_t i = 0; i < count; ++i) write_page(pages[i], i, 3);
    sleep_ns(2 * kMillisecond_ns);
    for (size_t i = 0; i < count; ++i) require_page(pages[i], i, 3);
    must(::munmap(pages, count * kPage));
  }

  Page* const room_ = map_pages(2 * (kPages + 512), MAP_NORESERVE, PROT_NONE);
  size_t where_ = 0;
  Region region_;
};

void run(uint32_t seed, void (*until)()) {
  std::deque<Arena> arenas(kThreads);
  std::deque<Meanwhile> threads;
  for (Arena& arena : arenas) threads.emplace_back([&arena](Random& random) { arena.step(random); }, ++seed, 2 * kMillisecond_ns);
  until();
  for (auto& thread : threads) thread.stop();
  for (const Arena& arena : arenas) arena.check();
}

}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  const char* const wanted = std::getenv("FERRY_STRESS_SEED");
  const auto seed = static_cast<uint32_t>(wanted != nullptr ? std::strtoul(wanted, nullptr, 10) : now_ns(CLOCK_REALTIME) / kMillisecond_ns);
  ::dprintf(STDOUT_FILENO, "SEED %u\n", seed);
  const pid_t child = fork_prepared([&](auto prepared) {
    prepared();
    run(seed + 1000, wait_for_go);
  });
  run(seed, ready_and_wait);
  expect_exit(child);
  return pass();
}
