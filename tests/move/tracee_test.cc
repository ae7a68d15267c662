// SPDX-License-Identifier: Apache-2.0
//
// Every tracee (tests/tracees: one kernel behaviour each) under every mode. It is started on east, moved to west, told to go on,
// and must find its state as it left it. One pair of hosts serves all tests of a process; what a test leaves behind is a failure.
#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "base/clock.h"
#include "support/move_test.h"

namespace ferry::testing {
namespace {

struct Mode {
  std::string name;
  Argv options;  // of `ferry move`
};
const std::vector<Mode> kModes = {{"stop", {}}};

// What cannot be moved, and the words that the refusal must have. The move fails before harm: the tracee goes on at the source.
struct Refused {
  std::string tracee, says;
};
const std::vector<Refused> kRefused = {};

// Moved there, back, and there again before they check.
const std::vector<std::string> kThereAndBack = {"threads", "posix_timers", "deleted_file", "record_locks", "terminal_pair", "clocks"};

// Their connections need an address that moves with them.
const std::vector<std::string> kWithAddress = {"tcp_half_closed"};

constexpr const char* kDirectory = "/tmp/tracee";
constexpr int kReadyLimit_ms = 20'000, kAnswerLimit_ms = 20'000;

std::vector<std::string> all_tracees() {
  std::vector<std::string> names;
  std::istringstream list(FERRY_TRACEES);
  for (std::string name; std::getline(list, name, ',');) names.push_back(name);
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
    lab().check(host, fmt::format("rm -rf {0} /var/lib/ferry/workloads/*; mkdir -m 777 {0}", kDirectory));
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
  // The workload has gone, whatever the test has said; the next one has clean hosts.
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
    hosts_->run("east", kName, options, {FERRY_BINARY_DIR "/tests/tracees/" + tracee(), kDirectory});
    ASSERT_TRUE(comes_true([&] { return log_on("east") != ""; }, kReadyLimit_ms)) << "not ready";
    ASSERT_EQ(log_on("east"), "READY\n");
  }
  Json move(const std::string& from, const std::string& to) const { return hosts_->move(kName, from, to, mode().options); }
  // It checks its state, says that all is well, and ends.
  void expect_pass(const std::string& host) const {
    hosts_->lab().check(host, fmt::format("touch {}/go", kDirectory));
    comes_true([&] { return log_on(host) != "READY\n"; }, kAnswerLimit_ms);
    EXPECT_EQ(log_on(host), "READY\nPASS\n") << "on " << host;
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

std::vector<std::string> select(const std::function<bool(const std::string&)>& wanted) {
  std::vector<std::string> names;
  std::ranges::copy_if(all_tracees(), std::back_inserter(names), wanted);
  return names;
}

const Refused* find_refusal(const std::string& tracee) {
  const auto found = std::ranges::find(kRefused, tracee, &Refused::tracee);
  return found == kRefused.end() ? nullptr : &*found;
}

class TraceeMoves : public TraceeTest {};

TEST_P(TraceeMoves, KeepsItsState) {
  ASSERT_FALSE(move("east", "west").is_null());
  EXPECT_EQ(hosts_->state_of("east", kName), "moved");
  expect_pass("west");
}
INSTANTIATE_TEST_SUITE_P(All, TraceeMoves,
                         ::testing::Combine(::testing::ValuesIn(select([](const auto& name) { return !find_refusal(name); })),
                                            ::testing::ValuesIn(kModes)),
                         name_of);

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

TEST_P(TraceeStays, AndGoesOnUnharmed) {
  Argv words{"move", kName, "root@west"};
  words.insert(words.end(), mode().options.begin(), mode().options.end());
  const Result refused = hosts_->ferry("east", words);
  EXPECT_NE(refused.status, 0);
  EXPECT_NE(refused.err.find(find_refusal(tracee())->says), std::string::npos) << refused.err;
  EXPECT_EQ(hosts_->state_of("east", kName), "running");
  expect_pass("east");
}
INSTANTIATE_TEST_SUITE_P(All, TraceeStays,
                         ::testing::Combine(::testing::ValuesIn(select([](const auto& name) { return find_refusal(name) != nullptr; })),
                                            ::testing::ValuesIn(kModes)),
                         name_of);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(TraceeStays);

}  // namespace
}  // namespace ferry::testing
