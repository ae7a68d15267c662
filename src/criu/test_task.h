// SPDX-License-Identifier: Apache-2.0
//
// For tests: a task that CRIU can dump, its memory as it was at that moment, and a dump that holds
// at CRIU's gate in between.
#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "criu/hidden_memory.h"
#include "criu/image_set.h"
#include "criu/session.h"

namespace ferry::criu {

inline constexpr base::milliseconds kTestLimit{30'000};  // of anything; the machine may be busy

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = "/tmp/ferry-test-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const base::Path& path() const { return path_; }

 private:
  base::Path path_;
};

// A child with no descriptor of ours, in a session of its own, that runs `body`; it says things by
// appending to a file.
class TestTask {
 public:
  using Say = std::function<void(const std::string&)>;
  explicit TestTask(const std::function<void(const Say&)>& body) {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // what CRIU restores becomes ours when CRIU ends
    ::malloc_trim(0);  // what earlier tests have left would be memory of the child
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::close_range(0, ~0U, 0);
    for (int i = 0; i < 3; ++i) ::open("/dev/null", O_RDWR);
    const int said = ::open(said_path().c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::setsid();
    if (::chdir("/") != 0) ::_exit(1);
    body([said](const std::string& text) {
      if (::write(said, (text + "\n").data(), text.size() + 1) < 0) ::_exit(1);
    });
    for (;;) ::pause();
  }
  TestTask(const TestTask&) = delete;
  TestTask& operator=(const TestTask&) = delete;
  ~TestTask() {
    ::kill(-pid_, SIGKILL);  // its session is one process group
    ::kill(pid_, SIGKILL);
    while (::waitpid(-pid_, nullptr, 0) > 0 || errno == EINTR) {
    }
  }

  pid_t pid() const { return pid_; }
  std::string said() const { return base::try_read_file(said_path()).value_or(""); }
  // The whole text so far, once `text` is in it.
  std::string await(const std::string& text, base::milliseconds limit = kTestLimit) const {
    const auto deadline = base::mono_now() + limit;
    while (said().find(text) == std::string::npos && base::mono_now() < deadline) {
      std::this_thread::sleep_for(base::milliseconds(2));
    }
    EXPECT_NE(said().find(text), std::string::npos) << said();
    return said();
  }
  void forget_said() const { std::filesystem::resize_file(said_path(), 0); }

 private:
  base::Path said_path() const { return directory_.path() / "said"; }
  TemporaryDirectory directory_;
  pid_t pid_ = 0;
};

struct TestArea {
  hidden::Range range;
  std::string rights, name;
};

// What CRIU could restore lazily.
inline std::vector<TestArea> anonymous_areas(pid_t pid) {
  std::vector<TestArea> areas;
  std::istringstream maps(base::read_file(fmt::format("/proc/{}/maps", pid)));
  for (std::string line; std::getline(maps, line);) {
    std::istringstream fields(line);
    TestArea area;
    char dash;
    std::string offset, device, inode;
    fields >> std::hex >> area.range.start >> dash >> area.range.end >> area.rights >> offset >>
        device >> inode >> area.name;
    const bool plain = area.name.empty() || area.name == "[heap]" || area.name == "[stack]";
    if (inode == "0" && area.rights[3] == 'p' && plain) areas.push_back(area);
  }
  return areas;
}

inline std::vector<hidden::Range> anonymous_memory(pid_t pid) {
  std::vector<hidden::Range> ranges;
  for (const auto& area : anonymous_areas(pid)) ranges.push_back(area.range);
  return ranges;
}

using TestPages = std::map<uint64_t, std::string>;  // by address
inline constexpr size_t kTestPage = 4096;

// The pages that are there, of a task that is stopped.
inline TestPages pages_of(pid_t pid) {
  constexpr uint64_t kPresent = 3ULL << 62, kGuard = 1ULL << 58;
  TestPages pages;
  const auto pagemap = base::open_file(fmt::format("/proc/{}/pagemap", pid), O_RDONLY);
  const auto memory = base::open_file(fmt::format("/proc/{}/mem", pid), O_RDONLY);
  for (const auto& range : anonymous_memory(pid)) {
    std::vector<uint64_t> entries((range.end - range.start) / kTestPage);
    EXPECT_EQ(
        ::pread(pagemap.get(), entries.data(), entries.size() * 8, range.start / kTestPage * 8),
        static_cast<ssize_t>(entries.size() * 8));
    for (size_t i = 0; i < entries.size(); ++i) {
      if ((entries[i] & kPresent) == 0 || (entries[i] & kGuard) != 0) continue;
      std::string page(kTestPage, '\0');
      const uint64_t at = range.start + i * kTestPage;
      EXPECT_EQ(::pread(memory.get(), page.data(), kTestPage, static_cast<off_t>(at)),
                static_cast<ssize_t>(kTestPage));
      pages[at] = std::move(page);
    }
  }
  return pages;
}

inline Installation installation_to_test() { return Installation::find_beside(FERRY_BINARY_DIR); }

// A dump of `root` and of all that `pids` names, held when CRIU is done and the tasks are still
// stopped.
class TestDump {
 public:
  explicit TestDump(const std::string& job)
      : images_("test-" + job + "-" + std::to_string(::getpid()), 0) {}

  base::Path file() const { return images_.directory() / "hidden-memory"; }
  const ImageSet& images() const { return images_; }
  std::string log() const {
    return base::try_read_file(images_.directory() / kDumpLog).value_or("");
  }

  // Before CRIU touches anything, `hide` is asked what to hide.
  Event run(pid_t root, const std::function<std::map<pid_t, HiddenTask>()>& hide,
            std::vector<std::string> environment = {}) {
    base::SpawnOptions options;
    options.environment = std::move(environment);
    options.environment.push_back(hide_setting(file()));
    const auto log_file = images_.open_log(kDumpLog);
    options.stderr_fd = log_file.get();
    session_ = Session::start(installation_to_test(), kernel::Namespaces::of(::getpid()),
                              std::move(options));
    criu_req request = dump_request(images_.link(), root, {});
    request.mutable_opts()->clear_freeze_cgroup();
    request.mutable_opts()->set_log_level(4);
    session_->request(request);
    Event event = session_->run_until("pre-dump", base::mono_now() + kTestLimit);
    if (!std::holds_alternative<Notified>(event)) return event;
    if (hide) write_hidden_memory(file(), hide());
    session_->answer(true);
    return session_->run_until("post-dump", base::mono_now() + kTestLimit);
  }
  // The tasks are killed.
  void finish() {
    session_->answer(true);
    const Event event = session_->run_until("", base::mono_now() + kTestLimit);
    const auto* finished = std::get_if<Finished>(&event);
    EXPECT_TRUE(finished != nullptr && finished->success) << log();
    session_.reset();
  }
  std::string page_image() const {
    std::string all;
    for (const auto& entry : std::filesystem::directory_iterator(images_.directory())) {
      if (entry.path().filename().string().starts_with("pages-"))
        all += base::read_file(entry.path());
    }
    return all;
  }

 private:
  ImageSet images_;
  std::optional<Session> session_;
};

inline size_t count_of(const std::string& text, const std::string& what) {
  size_t found = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size()))
    ++found;
  return found;
}

}  // namespace ferry::criu
