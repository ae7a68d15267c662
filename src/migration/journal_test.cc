// SPDX-License-Identifier: Apache-2.0
#include "migration/logbook.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace ferry::migration {
namespace {

class JournalTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "journals are in /var/lib/ferry: needs root";
  }
  void TearDown() override {
    if (!path_.empty()) std::filesystem::remove(path_);
  }
  // Nothing: no such journal.
  static std::optional<std::string> state_in(Role role, const std::string& job) {
    const auto book = read_logbook(role, job);
    if (!book) return std::nullopt;
    return book->state;
  }
  std::optional<std::string> state_in(Role role) const { return state_in(role, job_); }
  bool is_unfinished() const {
    const auto books = unfinished_logbooks();
    return std::ranges::any_of(books, [&](const Logbook& book) { return book.note.job == job_; });
  }
  std::string job_ = "test-" + new_job_id();
  base::Path path_;
};

TEST_F(JournalTest, RemembersTheLastStateAndNothingOfOtherJobs) {
  auto journal = Journal::create(Role::kSource, {job_, "web", "west", ""});
  path_ = journal.path();
  Walk<Source, SourceEvent> walk(Source::kPreparing, std::move(journal));
  walk.step(SourceEvent::kReady);
  EXPECT_EQ(state_in(Role::kSource), "copying");
  EXPECT_EQ(state_in(Role::kTarget), std::nullopt);
  EXPECT_EQ(state_in(Role::kSource, job_ + "x"), std::nullopt);
}

TEST_F(JournalTest, RefusesAStepThatTheTableDoesNotHave) {
  auto journal = Journal::create(Role::kTarget, {job_, "web", "east", ""});
  path_ = journal.path();
  Walk<Target, TargetEvent> walk(Target::kPreparing, std::move(journal));
  EXPECT_THROW(walk.step(TargetEvent::kGranted), base::Error);
  EXPECT_EQ(walk.state(), Target::kPreparing);
  EXPECT_EQ(state_in(Role::kTarget), "preparing");
}

TEST_F(JournalTest, ALineCutShortByACrashDoesNotCount) {
  auto journal = Journal::create(Role::kSource, {job_, "web", "west", ""});
  path_ = journal.path();
  journal.record("restored", "restoring", false);
  std::ofstream(path_, std::ios::app) << R"({"at":"2026","event":"restored","sta)";
  EXPECT_EQ(state_in(Role::kSource), "restoring");
}

TEST_F(JournalTest, AJobIsWrittenOnce) {
  path_ = Journal::create(Role::kSource, {job_, "web", "west", ""}).path();
  EXPECT_THROW(Journal::create(Role::kSource, {job_, "web", "west", ""}), base::SysError);
}

TEST_F(JournalTest, TellsWhoeverFinishesTheJobWhatItsFerryNoted) {
  auto journal = Journal::create(Role::kTarget, {job_, "web", "east", ".pid-7"});
  path_ = journal.path();
  journal.note(kNoteCriu, to_note({12, 345}));
  journal.note(kNoteCriu, to_note({13, 678}));
  journal.record("prepared", "ready", false);
  const auto book = read_logbook(Role::kTarget, job_).value();
  EXPECT_EQ(book.note.name, "web");
  EXPECT_EQ(book.note.peer, "east");
  EXPECT_EQ(book.note.lock, ".pid-7");
  EXPECT_TRUE(book.same_boot);
  EXPECT_EQ(book.process(kNoteCriu), (kernel::ProcessId{13, 678}));
  EXPECT_EQ(book.process(kNoteCapsule), std::nullopt);
}

TEST_F(JournalTest, IsUnfinishedUntilAllIsTidy) {
  auto journal = Journal::create(Role::kSource, {job_, "web", "west", ""});
  path_ = journal.path();
  EXPECT_TRUE(is_unfinished());
  journal.record("failed", "aborted", true);
  EXPECT_TRUE(is_unfinished());
  journal.note(kNoteTidy, true);
  EXPECT_FALSE(is_unfinished());
}

TEST_F(JournalTest, GoesOnAfterALineThatACrashCutShort) {
  path_ = Journal::create(Role::kTarget, {job_, "web", "east", ""}).path();
  std::ofstream(path_, std::ios::app) << R"({"at":"2026","event":"resto)";
  auto walk = Walk<Target, TargetEvent>::resume(Target::kPreparing, Journal::reopen(Role::kTarget, job_));
  walk.step(TargetEvent::kLinkLost);
  EXPECT_EQ(state_in(Role::kTarget), "aborted");
}

TEST(States, AreFoundByTheirNames) {
  for (const Source state : kSourceStates) EXPECT_EQ(source_state(name_of(state)), state);
  for (const Target state : kTargetStates) EXPECT_EQ(target_state(name_of(state)), state);
  EXPECT_EQ(source_state("nonsense"), std::nullopt);
}

}  // namespace
}  // namespace ferry::migration
