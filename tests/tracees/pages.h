// SPDX-License-Identifier: Apache-2.0
//
// Pages that say what they are: their content follows from a name and a version, so a page that is stale, of another place or half
// of each is noticed. The versions that they must have are kept in shared memory, which moves by other means than theirs.
#pragma once

#include <sys/mman.h>

#include <atomic>
#include <memory>
#include <random>
#include <thread>

#include "tracee.h"

namespace tracee {

inline constexpr size_t kPage = 4096, kWords = kPage / sizeof(uint64_t);

struct alignas(kPage) Page {
  uint64_t words[kWords];
};

inline uint64_t word_of(uint64_t name, uint64_t version, size_t index) {
  return version == 0 ? 0 : (name + 1) * 0x9e3779b97f4a7c15ULL + version * 0xd1342543de82ef95ULL + index;
}

inline void write_page(Page& page, uint64_t name, uint64_t version) {
  for (size_t i = 0; i < kWords; ++i) page.words[i] = word_of(name, version, i);
}

// Version 0 is zeros, whatever the name.
inline bool is_page(const Page& page, uint64_t name, uint64_t version) {
  for (size_t i = 0; i < kWords; ++i) {
    if (page.words[i] != word_of(name, version, i)) return false;
  }
  return true;
}

// What it is instead, as far as it can be told.
inline std::string look_at(const Page& page, uint64_t name, uint64_t version) {
  size_t zeros = 0, right = 0;
  for (size_t i = 0; i < kWords; ++i) {
    zeros += page.words[i] == 0;
    right += page.words[i] == word_of(name, version, i);
  }
  for (uint64_t older = version; older-- > 1;) {
    if (is_page(page, name, older)) return "the content of version " + std::to_string(older);
  }
  return std::to_string(zeros) + " zero words, " + std::to_string(right) + " right ones";
}

inline void require_page(const Page& page, uint64_t name, uint64_t version, Where where = Where::current()) {
  if (is_page(page, name, version)) return;
  char address[32];
  std::snprintf(address, sizeof address, "%p", static_cast<const void*>(&page));
  fail("page " + std::to_string(name) + " at " + address + " should have version " + std::to_string(version) + ", has " +
           look_at(page, name, version), where);
}

inline Page* map_pages(size_t pages, int flags = 0, int protection = PROT_READ | PROT_WRITE) {
  void* mapped = ::mmap(nullptr, pages * kPage, protection, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  require(mapped != MAP_FAILED, "mmap");
  return static_cast<Page*>(mapped);
}

template <class T>
T* map_shared(size_t count) {
  void* mapped = ::mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  require(mapped != MAP_FAILED, "mmap");
  return static_cast<T*>(mapped);
}

using Random = std::minstd_rand;

// Consecutive pages with the versions that they must have.
class Region {
 public:
  explicit Region(size_t count, int flags = 0) : Region(map_pages(count, flags), count) {}
  Region(Page* pages, size_t count) : pages_(pages), count_(count), versions_(map_shared<uint64_t>(count)) {}

  size_t count() const { return count_; }
  Page& page(size_t index) const { return pages_[index]; }
  uint64_t version(size_t index) const { return versions_[index]; }
  void* address() const { return pages_; }
  size_t bytes() const { return count_ * kPage; }

  // What it was must be there still.
  void rewrite(size_t index) const {
    check(index);
    write_page(pages_[index], index, ++last_);
    versions_[index] = last_;
  }
  void write_all() const {
    for (size_t i = 0; i < count_; ++i) rewrite(i);
  }
  void now_zero(size_t index) const { versions_[index] = 0; }
  void moved_to(void* address) { pages_ = static_cast<Page*>(address); }
  void check(size_t index, Where where = Where::current()) const { require_page(pages_[index], index, versions_[index], where); }
  void check(Where where = Where::current()) const {
    for (size_t i = 0; i < count_; ++i) check(i, where);
  }

 private:
  Page* pages_;
  size_t count_;
  uint64_t* versions_;
  mutable uint64_t last_ = 0;
};

// A thread that takes one step after the other, until stop().
class Meanwhile {
 public:
  template <class Step>
  explicit Meanwhile(Step step, uint32_t seed = 1, int64_t pause_ns = 500'000)
      : thread_([this, step, seed, pause_ns] {
          Random random(seed);
          while (!stop_) {
            step(random);
            ++steps_;
            sleep_ns(pause_ns);
          }
        }) {}
  void wait_for_steps(uint64_t count) const {
    while (steps_ < count) sleep_ns(kMillisecond_ns);
  }
  // It has gone on where it is now, too.
  void stop() {
    constexpr uint64_t kAfterwards = 20;
    wait_for_steps(steps_ + kAfterwards);
    stop_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> stop_ = false;
  std::atomic<uint64_t> steps_ = 0;
  std::thread thread_;
};

}  // namespace tracee
