// SPDX-License-Identifier: Apache-2.0
//
// Every tracee (tests/tracees: one kernel behaviour each) under every mode. It is started on east, moved to west, told to go on,
// and must find its state as it left it. One pair of hosts serves all tests of a process; what a test leaves behind is a failure.
#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <regex>
#include <sstream>

#include "base/clock.h"
#include "support/move_test.h"
#include "support/tracee.h"

namespace ferry::testing {
namespace {

struct Mode {
  std::string name;
  Argv options;  // of `ferry move`
};
void PrintTo(const Mode& mode, std::ostream* out) { *out << mode.name; }
const std::vector<Mode> kModes = {{"pre", {"--mode", "pre"}}, {"stop", {"--mode", "stop"}},
                                  {"post", {"--mode", "post"}}, {"hybrid", {"--mode", "hybrid"}}};

// What does not survive. A refusal comes before harm: the tracee goes on at the source and passes there.
struct Limit {
  std::string tracee;
  std::string refusal;     // regular expression: what the refused move says; empty: nothing refuses it yet
  std::string loss;        // regular expression: what the tracee says when the move is not refused; empty: it is
};
const std::vector<Limit> kLimits = {
    // CRIU takes the root task's root directory for everybody's, and the log is outside.
    {"chroot_root", "in a chroot|No such file", ""},
    // The kernel's own mount of the queues is in nobody's list of mounts.
    {"posix_queue", "Can't lookup mount|POSIX message queue", ""},
    {"posix_queue_closed", "POSIX message queue", "the queue is gone"},
    {"mount_namespace", "namespace of its own \\(mount\\)", "the mounted file system is gone"},
    {"mount_namespace_child", "unreachable sharing|namespace of its own \\(mount\\)", ""},
    // Nothing is left that connects the two processes.
    {"orphan", "without a common parent", ""},
    // In a frozen v1 cgroup the kernel cannot attach a tracer to a stopped task: PTRACE_SEIZE waits for ever.
    {"stopped_task", "CRIU did not come to an end in time|stopped", ""},
    // CRIU does not dump the queues of UDP sockets.
    {"udp_queued", "", "the datagram is gone"},
    // Nor does anything in /proc show that a task is under Landlock (up to Linux 6.18), so that it could be refused.
    {"landlock", "", "the restriction is gone"},
    // CRIU makes the session by a helper that ends before the reaper's flag is set: the process ends up below init.
    {"session_without_leader", "whose leader has ended", "No child processes"},
    // What it waits for would come to nobody: CRIU cannot make its registration again.
    {"own_userfaultfd", "userfaultfd", ""},
    // Nothing stops a task that waits for its vfork(2) child, so CRIU cannot seize it.
    {"vfork_waits", "waits in vfork", ""},
};

// Moved there, back, and there again before they check.
const std::vector<std::string> kThereAndBack = {"threads",       "posix_timers",     "deleted_file",   "record_locks",      "terminal_pair",
                                                "clocks",        "timerfd_absolute", "timerfd_unread", "event_fd_semaphore", "sysv_shm",
                                                "ipc_namespace", "sysv_semaphores",  "sysv_queue",       "writer_threads",
                                                "copy_on_write", "remapping_place",  "dropped_pages",    "guard_regions",
                                                "exec_meanwhile"};

// Their connections need an address that moves with them.
const std::vector<std::string> kWithAddress = {"tcp_half_closed"};

std::vector<std::string> all_tracees() {
  std::vector<std::string> names;
  std::istringstream list(FERRY_TRACEES);
  for (std::string name; std::getline(list, name, ',');) {
    if (name != "stress") names.push_back(name);  // has a test of its own
  }
  return names;
}

template <class T>
bool contains(const std::vector<T>& list, const T& one) {
  return std::ranges::find(list, one) != list.end();
}

// A lab that outlives a test.
class Hosts : public MoveTest {
 public:
  Hosts() {
    MoveTest::SetUp();
    for (const char* host : {"east", "west"}) clean(host);
    east_ = traces("east");
    west_ = traces("west");
  }
  void TestBody() override {}
  using MoveTest::ferry;
  using MoveTest::lab;
  using MoveTest::move;
  using MoveTest::run;
  using MoveTest::state_of;

  void clean(const std::string& host) const {
    lab().check(host, fmt::format("rm -rf {0} {0}-* /dev/shm/tracee-* /var/lib/ferry/workloads/*; mkdir -m 777 {0}", kTraceeDirectory));
  }
  void expect_nothing_left() const {
    expect_traces("east", east_);
    expect_traces("west", west_);
  }

 private:
  std::string east_, west_;
};

using Parameter = std::tuple<std::string, Mode>;

class TraceeTest : public ::testing::TestWithParam<Parameter> {
 protected:
  static void TearDownTestSuite() { hosts_.reset(); }

  void SetUp() override {
    if (const auto reason = why_no_lab(); !reason.empty()) GTEST_SKIP() << reason;
    if (!hosts_) hosts_ = std::make_unique<Hosts>();
    start();
  }
  // The workload has gone, whatever the test has said. Files that were carried stay at the source: they are the test's to remove.
  void TearDown() override {
    if (!hosts_) return;
    for (const char* host : {"east", "west"}) {
      if (hosts_->state_of(host, kName) == "running") hosts_->ferry(host, {"stop", kName});
      hosts_->clean(host);
    }
    hosts_->expect_nothing_left();
    if (HasFailure()) hosts_.reset();  // an unknown state: not for the next test
  }

  void start() const {
    Argv options;
    if (contains(kWithAddress, tracee())) options = {"--ip", fmt::format("{}/24", kAddress)};
    hosts_->run("east", kName, options, {FERRY_BINARY_DIR "/tests/tracees/" + tracee(), kTraceeDirectory});
    ASSERT_TRUE(comes_true([&] { return log_on("east") != ""; }, kTraceeReady_ms)) << "not ready";
    const std::string said = log_on("east");
    if (said.starts_with("SKIP")) GTEST_SKIP() << said;
    ASSERT_EQ(said, "READY\n");
  }
  Json move(const std::string& from, const std::string& to) const { return hosts_->move(kName, from, to, mode().options); }
  // What it says after READY when it is told to go on, checking its state.
  std::string verdict(const std::string& host) const {
    hosts_->lab().check(host, fmt::format("touch {}/go", kTraceeDirectory));
    comes_true([&] { return log_on(host) != "READY\n"; }, kTraceeAnswer_ms);
    return log_on(host);
  }
  // All is well, and it ends.
  void expect_pass(const std::string& host) const {
    EXPECT_EQ(verdict(host), "READY\nPASS\n") << "on " << host;
    EXPECT_TRUE(comes_true([&] { return hosts_->state_of(host, kName) == "ended"; })) << hosts_->state_of(host, kName);
  }

  static std::string tracee() { return std::get<0>(GetParam()); }
  static Mode mode() { return std::get<1>(GetParam()); }
  static std::string log_on(const std::string& host) { return hosts_->ferry(host, {"logs", kName}).out; }

  static constexpr const char* kName = "tracee";
  static std::unique_ptr<Hosts> hosts_;
};
std::unique_ptr<Hosts> TraceeTest::hosts_;

std::string name_of(const ::testing::TestParamInfo<Parameter>& info) {
  return fmt::format("{}_{}", std::get<0>(info.param), std::get<1>(info.param).name);
}

const Limit* find_limit(const std::string& tracee) {
  const auto found = std::ranges::find(kLimits, tracee, &Limit::tracee);
  return found == kLimits.end() ? nullptr : &*found;
}

std::vector<std::string> select_tracees(bool limited) {
  std::vector<std::string> names;
  std::ranges::copy_if(all_tracees(), std::back_inserter(names),
                       [&](const auto& name) { return (find_limit(name) != nullptr) == limited; });
  return names;
}

class TraceeMoves : public TraceeTest {};

TEST_P(TraceeMoves, KeepsItsState) {
  ASSERT_FALSE(move("east", "west").is_null());
  EXPECT_EQ(hosts_->state_of("east", kName), "moved");
  expect_pass("west");
}
INSTANTIATE_TEST_SUITE_P(All, TraceeMoves,
                         ::testing::Combine(::testing::ValuesIn(select_tracees(false)), ::testing::ValuesIn(kModes)), name_of);

class TraceeMovesOn : public TraceeTest {};

TEST_P(TraceeMovesOn, KeepsItsStateThereAndBack) {
  ASSERT_FALSE(move("east", "west").is_null());
  ASSERT_FALSE(move("west", "east").is_null());
  ASSERT_FALSE(move("east", "west").is_null());
  expect_pass("west");
}
INSTANTIATE_TEST_SUITE_P(Some, TraceeMovesOn,
                         ::testing::Combine(::testing::ValuesIn(kThereAndBack), ::testing::ValuesIn(kModes)), name_of);

class TraceeStays : public TraceeTest {};

// A loss that is known and not refused yet is a skip that says so. A loss of another kind fails, and so does a state that survives
// after all: it is no limit any more.
TEST_P(TraceeStays, AndGoesOnUnharmed) {
  const Limit& limit = *find_limit(tracee());
  Argv words{"move", kName, "root@west"};
  const Argv options = mode().options;
  words.insert(words.end(), options.begin(), options.end());
  const Result moved = hosts_->ferry("east", words);
  if (moved.status == 0) {
    const std::string says = verdict("west");
    ASSERT_NE(limit.loss, "") << "it was not refused, and now it says on west: " << says;
    ASSERT_TRUE(std::regex_search(says, std::regex(limit.loss))) << says;
    GTEST_SKIP() << "lost without a refusal: " << limit.loss;
  }
  ASSERT_NE(limit.refusal, "") << moved.err;
  EXPECT_TRUE(std::regex_search(moved.err, std::regex(limit.refusal))) << moved.err;
  EXPECT_EQ(hosts_->state_of("east", kName), "running");
  expect_pass("east");
}
INSTANTIATE_TEST_SUITE_P(All, TraceeStays,
                         ::testing::Combine(::testing::ValuesIn(select_tracees(true)), ::testing::ValuesIn(kModes)), name_of);

}  // namespace
}  // namespace ferry::testing
