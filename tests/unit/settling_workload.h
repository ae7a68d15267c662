// SPDX-License-Identifier: Apache-2.0
//
// A "restored workload" for tests of the memory plane's target half: a process that registers
// memory of its own as CRIU would, and announces it over CRIU's socket. What it then does with its
// memory is the test's.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "memory/settling.h"

namespace ferry::memory::testing {

inline constexpr uint64_t kHome = uint64_t{0x100}
                                  << 32;  // where its memory stands; nothing else is near
inline constexpr uint64_t kFar = uint64_t{0x200} << 32;  // and where it may move to

inline constexpr uint64_t kMiB = 1 << 20;
inline void* pointer(uint64_t address) { return reinterpret_cast<void*>(address); }

// What the page of an address holds in every test: words that nothing else has.
void make_page(uint64_t address, std::span<uint64_t> words);
bool is_page(uint64_t address, const void* at);  // the page at `at` holds what `address` had
bool is_zero(const void* at);

// Inside the workload. Throws (with the words of the failure) where a test expects something.
struct Inside {
  uint64_t bytes = 0;  // from kHome on
  int own_copy = -1;   // its copy of its userfaultfd, where it has one
  void expect(bool condition, const std::string& what) const;
  // The pages of [from, to) hold what stood at `origin` on.
  void expect_pages(uint64_t from, uint64_t to, uint64_t origin) const;
  void expect_zeros(uint64_t from, uint64_t to) const;
};

class Workload {
 public:
  struct Options {
    uint64_t bytes = 8 << 20;
    bool own_copy = false;          // of the userfaultfd
    bool announce = true;           // "restore finished"
    std::function<void()> prepare;  // in it, once its memory is mapped and registered
  };
  // Forked at once, does nothing yet.
  Workload(Options options, std::function<void(const Inside&)> body);
  ~Workload();  // killed
  Workload(const Workload&) = delete;

  // All its pages as make_page() has them.
  void fill_store(Store& store) const;
  // With a guardian forked from the test's process.
  Settling stand_by(const Store& store, const std::string& name = {});  // started, with nothing to serve yet
  Settling settle(const Store& store, const std::string& name = {});
  void restore();  // registers and announces
  void run();      // the body
  // The body's end: empty when all was well.
  std::string result(int timeout_ms = 60'000);
  bool is_finished(int timeout_ms);
  pid_t pid() const { return pid_; }
  const base::Path& directory() const { return directory_; }

 private:
  [[noreturn]] void be(const std::function<void(const Inside&)>& body);
  int make_memory();
  void tell(char word);

  Options options_;
  base::Path directory_;
  base::FdPair orders_, words_;
  pid_t pid_ = 0;
};

base::Child launch_forked(int state_fd, const std::vector<int>& inherit);
base::MonoTime in_ms(int ms);

}  // namespace ferry::memory::testing
