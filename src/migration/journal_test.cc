// SPDX-License-Identifier: Apache-2.0
#include "migration/journal.h"

#include <gtest/gtest.h>
#include <unistd.h>

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
  std::string job_ = "test-" + new_job_id();
  base::Path path_;
};

TEST_F(JournalTest, RemembersTheLastStateAndNothingOfOtherJobs) {
  auto journal = Journal::create(Role::kSource, {job_, "web", "west"});
  path_ = journal.path();
  Walk<Source, SourceEvent> walk(Source::kPreparing, std::move(journal));
  walk.step(SourceEvent::kReady);
  EXPECT_EQ(last_state(Role::kSource, job_), "copying");
  EXPECT_EQ(last_state(Role::kTarget, job_), std::nullopt);
  EXPECT_EQ(last_state(Role::kSource, job_ + "x"), std::nullopt);
}

TEST_F(JournalTest, RefusesAStepThatTheTableDoesNotHave) {
  auto journal = Journal::create(Role::kTarget, {job_, "web", "east"});
  path_ = journal.path();
  Walk<Target, TargetEvent> walk(Target::kPreparing, std::move(journal));
  EXPECT_THROW(walk.step(TargetEvent::kGranted), base::Error);
  EXPECT_EQ(walk.state(), Target::kPreparing);
  EXPECT_EQ(last_state(Role::kTarget, job_), "preparing");
}

TEST_F(JournalTest, ALineCutShortByACrashDoesNotCount) {
  auto journal = Journal::create(Role::kSource, {job_, "web", "west"});
  path_ = journal.path();
  journal.record("restored", "restoring", false);
  std::ofstream(path_, std::ios::app) << R"({"at":"2026","event":"restored","sta)";
  EXPECT_EQ(last_state(Role::kSource, job_), "restoring");
}

TEST_F(JournalTest, AJobIsWrittenOnce) {
  path_ = Journal::create(Role::kSource, {job_, "web", "west"}).path();
  EXPECT_THROW(Journal::create(Role::kSource, {job_, "web", "west"}), base::SysError);
}

}  // namespace
}  // namespace ferry::migration
