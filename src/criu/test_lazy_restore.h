// SPDX-License-Identifier: Apache-2.0
//
// For tests: a tree of tasks that the real CRIU dumps with all its memory hidden, and restores with
// pages on demand.
#pragma once

#include <sys/mman.h>

#include <atomic>
#include <cstring>

#include "criu/held_uffd.h"
#include "criu/lazy_entries.h"
#include "criu/prepared_smaps.h"
#include "criu/test_page_server.h"
#include "criu/test_task.h"

namespace ferry::criu {

inline constexpr uint64_t kArea = 0x200000000000, kGuarded = 0x210000000000, kFlag = 0x220000000000;
inline constexpr size_t kPages = 256;

inline uint64_t word_for(size_t page, uint64_t salt) {
  return (page + 1) * 0x9e3779b97f4a7c15ULL ^ salt;
}

inline uint64_t* area() { return reinterpret_cast<uint64_t*>(kArea); }
inline void map_at(uint64_t at, size_t pages, int sharing = MAP_PRIVATE) {
  void* got = ::mmap(reinterpret_cast<void*>(at), pages * kTestPage, PROT_READ | PROT_WRITE,
                     sharing | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (got == MAP_FAILED) ::_exit(1);
}
// Every third page stays untouched.
inline void write_area(uint64_t salt, size_t from = 0, size_t to = kPages) {
  for (size_t i = from; i < to; ++i) {
    if (i % 3 != 0) area()[i * kTestPage / 8] = word_for(i, salt);
  }
}
inline size_t wrong_in_area(uint64_t salt, size_t from = 0, size_t to = kPages) {
  size_t wrong = 0;
  for (size_t i = from; i < to; ++i)
    wrong += area()[i * kTestPage / 8] != (i % 3 != 0 ? word_for(i, salt) : 0);
  return wrong;
}

// Shared memory, which is CRIU's and not lazy: "go" is said here, and by whom it has been heard.
struct Flag {
  std::atomic<int> go;
};
inline Flag& flag() { return *reinterpret_cast<Flag*>(kFlag); }
inline void wait_for_go() {
  while (flag().go == 0) ::usleep(1000);
}

class LazyRestore : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "CRIU needs root";
  }
  void TearDown() override {
    if (session_) session_.reset();
    ::munmap(reinterpret_cast<void*>(kFlag), kTestPage);
  }

  // All of the tree's anonymous memory is hidden; its pages are kept for the restore.
  void dump(const TestTask& task, const std::vector<pid_t>& pids,
            const std::vector<hidden::Range>& guards = {}) {
    const Event event = dump_.run(task.pid(), [&] {
      std::map<pid_t, HiddenTask> hidden;
      for (const pid_t pid : pids) {
        const auto read = [&](const char* name) {
          return base::read_file(fmt::format("/proc/{}/{}", pid, name));
        };
        const auto smaps = prepare_smaps(read("smaps"), read("maps"));
        EXPECT_TRUE(smaps) << pid;
        hidden[pid] = {ranges_on_demand(smaps.value()).value(), guards, smaps.value()};
      }
      return hidden;
    });
    ASSERT_TRUE(std::holds_alternative<Notified>(event)) << dump_.log();
    for (const pid_t pid : pids) pages_[pid] = pages_of(pid);
    EXPECT_EQ(pages_nobody_restores(dump_.images().directory()), std::nullopt);
    const std::string image = dump_.page_image();
    for (const auto& [at, page] : pages_[task.pid()]) {
      const bool is_marked = at >= kArea && at < kArea + kPages * kTestPage;
      if (is_marked) {
        EXPECT_EQ(count_of(image, page.substr(0, 8)), 0u);
      }
    }
    dump_.finish();
    // They are to be made again with the same pids. Those of children become ours when their parent
    // has died.
    for (const pid_t pid : pids) {
      while (::kill(pid, 0) == 0 && ::waitpid(pid, nullptr, WNOHANG) != pid) ::usleep(1000);
    }
  }
  // Up to where all is built and nothing runs.
  void build() {
    server_.emplace(dump_.images().directory(), pages_);
    restore();
  }
  void restore() {
    base::SpawnOptions options;
    options.environment = {hold_setting()};
    const auto log = dump_.images().open_log(kRestoreLog);
    options.stderr_fd = log.get();
    will_start(options);
    session_ = Session::start(installation_to_test(), kernel::Namespaces::of(::getpid()),
                              std::move(options));
    has_started(*session_);
    session_->request(restore_request(dump_.images().link(), Pages::kOnDemand));
    expect_at(session_->run_until("post-restore", base::mono_now() + kTestLimit));
  }
  // For those who want more of that CRIU.
  virtual void will_start(base::SpawnOptions&) {}
  virtual void has_started(Session&) {}
  void run() {
    session_->answer(true);
    const Event event = session_->run_until("", base::mono_now() + kTestLimit);
    const auto* finished = std::get_if<Finished>(&event);
    ASSERT_TRUE(finished != nullptr && finished->success) << log();
    session_.reset();
  }
  void expect_at(const Event& event) {
    ASSERT_TRUE(std::holds_alternative<Notified>(event)) << log();
  }
  std::string log() {
    return base::try_read_file(dump_.images().directory() / kRestoreLog).value_or("");
  }
  static void say_go(pid_t pid) {
    int one = 1;
    iovec here{&one, sizeof one}, there{reinterpret_cast<void*>(kFlag), sizeof one};
    EXPECT_EQ(::process_vm_writev(pid, &here, 1, &there, 1, 0), static_cast<ssize_t>(sizeof one));
  }

  TestDump dump_{"lazy"};
  std::map<pid_t, TestPages> pages_;
  std::optional<TestPageServer> server_;
  std::optional<Session> session_;
};

}  // namespace ferry::criu
