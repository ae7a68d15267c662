// SPDX-License-Identifier: Apache-2.0
//
// For tests: a child process with a region of memory, which does what it is told, one thing at a time. Memory that was
// mapped before the fork has the same address in it.
#pragma once

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <functional>

#include "base/error.h"
#include "base/fd.h"
#include "kernel/procfs.h"
#include "memory/page_set.h"

namespace ferry::memory {

// A mapping of the test's own that its children inherit.
class Region {
 public:
  explicit Region(uint64_t pages, int protection = PROT_READ | PROT_WRITE, int flags = 0) : bytes_(pages * kPageBytes) {
    const int kind = (flags & MAP_SHARED) != 0 ? 0 : MAP_PRIVATE;
    memory_ = ::mmap(nullptr, bytes_, protection, kind | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);
    CHECK(memory_ != MAP_FAILED);
  }
  ~Region() { ::munmap(memory_, bytes_); }
  Region(const Region&) = delete;
  char* at(uint64_t page) const { return static_cast<char*>(memory_) + page * kPageBytes; }
  AddressRange pages(uint64_t first, uint64_t count) const {
    const auto start = reinterpret_cast<uint64_t>(at(first));
    return {start, start + count * kPageBytes};
  }
  AddressRange whole() const { return pages(0, bytes_ / kPageBytes); }

 private:
  uint64_t bytes_;
  void* memory_;
};

class TestChild {
 public:
  // `work` is called in the child with every number that do_step() gives, and returns when that is done.
  explicit TestChild(const std::function<void(int)>& work) {
    base::FdPair to = base::make_pipe(), from = base::make_pipe();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      to.second.reset();
      from.first.reset();
      close_trackers();
      int ready = 0;
      static_cast<void>(::write(from.second.get(), &ready, sizeof(ready)));
      for (int step = 0; ::read(to.first.get(), &step, sizeof(step)) == sizeof(step);) {
        work(step);
        if (::write(from.second.get(), &step, sizeof(step)) != sizeof(step)) break;
      }
      ::_exit(0);
    }
    to_ = std::move(to.second);
    from_ = std::move(from.first);
    from.second.reset();
    finish_step();
  }
  ~TestChild() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  TestChild(const TestChild&) = delete;

  pid_t pid() const { return pid_; }
  void start_step(int step) { base::write_full(to_.get(), {reinterpret_cast<const char*>(&step), sizeof(step)}); }
  void finish_step() {
    int done = 0;
    CHECK(base::read_full(from_.get(), std::as_writable_bytes(std::span(&done, 1))) == sizeof(done));
  }
  void do_step(int step) {
    start_step(step);
    finish_step();
  }

 private:
  // A userfaultfd of the test's own trackers would look like one of the child's.
  static void close_trackers() {
    for (const auto& file : kernel::open_files(::getpid())) {
      if (file.target.find("userfaultfd") != std::string::npos) ::close(file.fd);
    }
  }
  pid_t pid_ = 0;
  base::Fd to_, from_;
};

}  // namespace ferry::memory
