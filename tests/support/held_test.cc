// SPDX-License-Identifier: Apache-2.0
#include "support/held_test.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sstream>

namespace ferry::testing {

std::unique_ptr<HeldTest::Hosts> HeldTest::hosts_;

HeldTest::Hosts::Hosts() {
  MoveTest::SetUp();
  for (const char* host : {"east", "west"}) lab().check(host, "rm -rf /srv/app && mkdir -p /srv/app && rm -f /tmp/held.log");
  east = traces("east");
  west = traces("west");
}

void HeldTest::SetUp() {
  if (const auto reason = why_no_lab(); !reason.empty()) GTEST_SKIP() << reason;
  if (!hosts_) hosts_ = std::make_unique<Hosts>();
}

// What holds has gone, and so has what was changed for it, whatever the test has said.
void HeldTest::TearDown() {
  if (!hosts_) return;
  for (const char* host : {"east", "west"}) {
    for (const std::string& name : {std::string(kName), "python3-" + what_}) {
      if (hosts_->state_of(host, name) == "running") hosts_->ferry(host, {"stop", name});
    }
    lab().shell(host, "pkill -KILL -f '[h]older[.]py'");
  }
  for (auto change = undo_.rbegin(); change != undo_.rend(); ++change) {
    const Result undone = lab().shell(change->first, change->second);
    EXPECT_EQ(undone.status, 0) << change->second << ": " << undone.err;
  }
  for (const char* host : {"east", "west"}) {
    lab().check(host, "rm -rf /var/lib/ferry/workloads/* /srv/app /tmp/held.log && mkdir /srv/app");
  }
  hosts_->expect_traces("east", hosts_->east);
  hosts_->expect_traces("west", hosts_->west);
  if (HasFailure()) hosts_.reset();  // an unknown state: not for the next test
}

std::string HeldTest::holder(const Argv& things) {
  return fmt::format("/usr/bin/python3 {} {}", program("holder.py"), fmt::join(things, " "));
}

void HeldTest::hold(const Argv& things, const Argv& options, const std::string& interpreter) {
  Argv command{interpreter, program("holder.py")};
  command.insert(command.end(), things.begin(), things.end());
  hosts_->run("east", kName, options, command);
  what_ = kName;
  log_ = "/var/lib/ferry/workloads/held/log";
  wait_until_it_holds();
}

void HeldTest::hold_bare(const std::string& script) {
  log_ = kLog;
  lab().check("east", script);
  wait_until_it_holds();
  if (!IsSkipped()) what_ = pid();
}

void HeldTest::wait_until_it_holds() {
  std::string said;
  ASSERT_TRUE(comes_true([&] { return (said = lab().shell("east", "head -1 " + log_).out).ends_with('\n'); }));  // a line may come in two pieces
  if (said.starts_with("SKIP")) GTEST_SKIP() << said;
  ASSERT_EQ(said, "READY\n");
}

std::string HeldTest::pid() const { return lab().check("east", "pgrep -f '^[^ ]* [^ ]*[h]older[.]py' | tail -1"); }

void HeldTest::change(const std::string& host, const std::string& script, const std::string& undo) {
  lab().check(host, script);
  undo_.emplace_back(host, undo);
}

int HeldTest::count() const {
  std::istringstream lines(lab().shell(where_, "cat " + log_).out);
  std::string line;
  std::getline(lines, line);
  int last = 0;
  while (std::getline(lines, line)) {
    EXPECT_EQ(line, std::to_string(last + 1));
    if (line != std::to_string(++last)) break;
  }
  return last;
}

void HeldTest::expect_counts_on() {
  const int before = count();
  EXPECT_TRUE(comes_true([&] { return count() > before + 1; })) << "it stands still";
}

std::string HeldTest::expect_refused(const std::vector<std::string>& says, const Argv& options) {
  if (IsSkipped()) return "";
  const std::string east = hosts_->traces("east"), west = hosts_->traces("west");
  Argv words{"move", what_, "root@west"};
  words.insert(words.end(), options.begin(), options.end());
  const Result moved = hosts_->ferry("east", words);
  EXPECT_EQ(moved.status, 3) << moved.err << moved.out;
  words[0] = "check";
  const Result checked = hosts_->ferry("east", words);
  EXPECT_EQ(checked.status, 3) << checked.out << checked.err;
  for (const auto& text : says) {
    EXPECT_NE(moved.err.find(text), std::string::npos) << text << ": " << moved.err;
    EXPECT_NE(checked.out.find(text), std::string::npos) << text << ": " << checked.out;
  }
  expect_counts_on();
  hosts_->expect_traces("east", east);
  hosts_->expect_traces("west", west);
  return moved.err;
}

void HeldTest::expect_moves(const Argv& options) {
  Argv words{"move", what_, "root@west"};
  words.insert(words.end(), options.begin(), options.end());
  const Result moved = hosts_->ferry("east", words);
  ASSERT_EQ(moved.status, 0) << moved.err;
  where_ = "west";
  expect_counts_on();
}

}  // namespace ferry::testing
