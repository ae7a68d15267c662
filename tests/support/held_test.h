// SPDX-License-Identifier: Apache-2.0
//
// For moves that are refused beforehand: one lab for all tests of a suite, and on its host east "held", a workload that holds what
// the test is about and counts (tests/programs/holder.py). Afterwards it counts on, and neither host has anything new.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "support/move_test.h"

namespace ferry::testing {

class HeldTest : public ::testing::Test {
 protected:
  // A lab that outlives a test.
  class Hosts : public MoveTest {
   public:
    Hosts();
    void TestBody() override {}
    using MoveTest::ferry;
    using MoveTest::lab;
    using MoveTest::run;
    using MoveTest::state_of;
    using MoveTest::traces;
    using MoveTest::expect_traces;
    std::string east, west;  // the traces when it was new
  };

  static void TearDownTestSuite() { hosts_.reset(); }
  void SetUp() override;
  void TearDown() override;
  const Lab& lab() const { return hosts_->lab(); }

  // Begins to hold `things` (words of holder.py) as a workload of `ferry run OPTIONS`; skips the test when this kernel has no such thing.
  void hold(const Argv& things, const Argv& options = {}, const std::string& interpreter = "/usr/bin/python3");
  // As a bare process tree: `script` starts `HOLDER THINGS` on east, whose output comes to kLog; what() is its pid.
  void hold_bare(const std::string& script);
  // Changes a host for the length of the test.
  void change(const std::string& host, const std::string& script, const std::string& undo);

  // `ferry move` and `ferry check` refuse, and both say each of these; it counts on, and all is as it was. What `ferry move` said.
  std::string expect_refused(const std::vector<std::string>& says, const Argv& options = {});
  void expect_counts_on();
  void expect_moves(const Argv& options = {});

  const std::string& what() const { return what_; }
  std::string pid() const;  // of the holder, on east
  static std::string holder(const Argv& things);

  static constexpr const char* kName = "held";
  static constexpr const char* kLog = "/tmp/held.log";
  static std::unique_ptr<Hosts> hosts_;

 private:
  void wait_until_it_holds();
  int count() const;  // so far; fails the test when a number is missing or comes twice
  std::string what_, log_, where_ = "east";
  std::vector<std::pair<std::string, std::string>> undo_;
};

}  // namespace ferry::testing
