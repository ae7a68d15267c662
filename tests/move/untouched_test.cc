// SPDX-License-Identifier: Apache-2.0
//
// Nothing of ferry stays in a workload: after a move, after one that was cancelled, and after ferry was killed, both while memory
// was being copied, the process has the mappings, descriptors and cgroup that it had, no tracer and no registered memory. That its
// registers are its own, it says itself at the end: the tracee waits in system calls of all kinds, with values in registers.
#include <fmt/format.h>

#include <sstream>

#include "support/move_test.h"
#include "support/tracee.h"

namespace ferry::testing {
namespace {

constexpr const char* kUntouched = "untouched";
constexpr int kCopying_ms = 20'000, kTidy_ms = 10'000;

// "START-END PERMISSIONS NAME" a line; neighbours of the same kind as one, as the kernel may merge and split them.
// Without the kernel's own pages, which are another kernel's after a move.
std::string merged_maps(const std::string& maps) {
  struct Line {
    std::string start, end, permissions, name;
  };
  std::vector<Line> lines;
  std::istringstream in(maps);
  for (std::string text; std::getline(in, text);) {
    std::istringstream words(text);
    std::string range, offset, device, inode;
    Line line;
    words >> range >> line.permissions >> offset >> device >> inode >> line.name;
    const auto dash = range.find('-');
    line.start = range.substr(0, dash);
    line.end = range.substr(dash + 1);
    if (line.name.starts_with("[v")) continue;
    const bool continues = !lines.empty() && lines.back().end == line.start && lines.back().permissions == line.permissions &&
                           lines.back().name == line.name;
    if (continues) {
      lines.back().end = line.end;
    } else {
      lines.push_back(line);
    }
  }
  std::string merged;
  for (const auto& line : lines) merged += fmt::format("{}-{} {} {}\n", line.start, line.end, line.permissions, line.name);
  return merged;
}

class UntouchedTest : public MoveTest, public ::testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override {
    MoveTest::SetUp();
    if (IsSkipped()) return;
    for (const char* host : {"east", "west"}) lab().check(host, fmt::format("rm -rf {0}; mkdir -m 777 {0}", kTraceeDirectory));
    run("east", kUntouched, {}, {FERRY_BINARY_DIR "/tests/tracees/" + GetParam(), kTraceeDirectory});
    ASSERT_TRUE(comes_true([&] { return log_on("east") == "READY\n"; }, kTraceeReady_ms)) << log_on("east");
    before_ = look("east");
    ASSERT_EQ(marks("east"), "") << "before anything was done to it";
  }

  int pid_on(const std::string& host) const {
    for (const auto& one : workloads(host)) {
      if (one.at("name") == kUntouched) return one.at("pid");
    }
    return 0;
  }
  // What must be the same afterwards.
  std::string look(const std::string& host) const {
    const int pid = pid_on(host);
    const auto of = [&](const std::string& script) { return lab().check(host, fmt::format(fmt::runtime(script), pid)); };
    return fmt::format("{}\n{}\n{}", merged_maps(of("cat /proc/{}/maps")), of("ls /proc/{}/fd | sort -n"),
                       of("cat /proc/{}/cgroup"));
  }
  // What must not be there at all; empty: nothing of it is.
  std::string marks(const std::string& host) const {
    const int pid = pid_on(host);
    return lab().check(host, fmt::format("ls -l /proc/{0}/fd | grep -o userfaultfd; "
                                         "grep -h TracerPid /proc/{0}/task/*/status | grep -v '\\b0$'; "
                                         "grep VmFlags /proc/{0}/smaps | grep -oE '\\b(uw|um|ui)\\b' | sort | uniq -c; true", pid));
  }
  void expect_untouched(const std::string& host) const {
    comes_true([&] { return marks(host) == "" && look(host) == before_; }, kTidy_ms);
    EXPECT_EQ(marks(host), "") << "on " << host;
    EXPECT_EQ(look(host), before_) << "on " << host;
    EXPECT_EQ(state_of(host, kUntouched), "running");
    lab().check(host, fmt::format("touch {}/go", kTraceeDirectory));
    comes_true([&] { return log_on(host) != "READY\n"; }, kTraceeReady_ms);
    EXPECT_EQ(log_on(host), "READY\nPASS\n") << "on " << host;
  }
  std::string log_on(const std::string& host) const { return ferry(host, {"logs", kUntouched}).out; }

 private:
  std::string before_;
};

TEST_P(UntouchedTest, AfterAMove) {
  ASSERT_FALSE(move(kUntouched, "east", "west", {"--mode", "pre"}).is_null());
  expect_untouched("west");
}

TEST_P(UntouchedTest, AfterACancelledMove) {
  Background move = start_ferry("east", {"move", kUntouched, "root@west", "--mode", "pre", "--bandwidth", "5MB/s"}, "source.round=stall:3000");
  ASSERT_TRUE(comes_true([&] { return marks("east").find("uw") != std::string::npos; }, kCopying_ms)) << "its writes were never tracked";
  const Result cancel = ferry("east", {"cancel", kUntouched});
  EXPECT_EQ(cancel.status, 0) << cancel.err;
  EXPECT_EQ(move.wait(), 4);
  expect_untouched("east");
}

TEST_P(UntouchedTest, AfterFerryWasKilled) {
  const Result move = ferry("east", {"move", kUntouched, "root@west", "--mode", "pre"}, "source.round=kill");
  EXPECT_NE(move.status, 0);
  expect_untouched("east");
}

INSTANTIATE_TEST_SUITE_P(, UntouchedTest, ::testing::Values("memory_64_mib", "interrupted_calls"), [](const auto& one) {
  std::string name = one.param;
  std::erase(name, '_');
  return name;
});

}  // namespace
}  // namespace ferry::testing
