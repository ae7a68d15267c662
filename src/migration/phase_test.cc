// SPDX-License-Identifier: Apache-2.0
#include "migration/phase.h"

#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <string>

#include "base/fd.h"

namespace ferry::migration {
namespace {

// What docs/phases.md says: rows "| state | event → next, … |" below a heading "## Source" or "## Target".
std::map<std::pair<std::string, std::string>, std::string> documented(const std::string& heading) {
  std::istringstream lines(base::read_file(FERRY_SOURCE_DIR "/docs/phases.md"));
  std::map<std::pair<std::string, std::string>, std::string> table;
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("## ")) inside = line == "## " + heading;
    if (!inside || !line.starts_with("| ")) continue;
    std::istringstream words(line);
    std::string bar, state, word, event;
    words >> bar >> state >> bar;
    while (words >> event >> word && word == "→" && words >> word) {
      if (word.ends_with(",")) word.pop_back();
      table[{state, event}] = word;
    }
  }
  return table;
}

template <typename States, typename Events>
void expect_documented(const States& states, const Events& events, const std::string& heading) {
  auto table = documented(heading);
  for (const auto state : states) {
    for (const auto event : events) {
      const auto to = next(state, event);
      const auto row = table.find({std::string(name_of(state)), std::string(name_of(event))});
      const std::string told = row == table.end() ? "(nothing)" : row->second;
      EXPECT_EQ(told, to ? name_of(*to) : "(nothing)") << name_of(state) << " + " << name_of(event);
      if (row != table.end()) table.erase(row);
    }
  }
  for (const auto& [from, to] : table) ADD_FAILURE() << "docs only: " << from.first << " + " << from.second << " → " << to;
}

TEST(Phase, SourceTableIsTheDocumentedOneForEveryPair) { expect_documented(kSourceStates, kSourceEvents, "Source"); }
TEST(Phase, TargetTableIsTheDocumentedOneForEveryPair) { expect_documented(kTargetStates, kTargetEvents, "Target"); }

TEST(Phase, BeforeTheCommitEveryFailureAndCancelLeadsBackToTheSource) {
  for (const auto state : kSourceStates) {
    if (!is_before_commit(state)) continue;
    EXPECT_EQ(next(state, SourceEvent::kFailed), Source::kAborted) << name_of(state);
    EXPECT_EQ(next(state, SourceEvent::kCancelled), Source::kAborted) << name_of(state);
  }
}

TEST(Phase, AfterTheCommitOnlyTheTargetsWordBringsItBack) {
  for (const auto state : {Source::kCommitted, Source::kInDoubt}) {
    for (const auto event : kSourceEvents) {
      const auto to = next(state, event);
      if (to == Source::kAborted) {
        EXPECT_EQ(event, SourceEvent::kNeverRan) << name_of(state);
      }
    }
  }
}

TEST(Phase, ACopyThatServesItsMemoryNeverRunsAgain) {
  for (const auto event : kSourceEvents) {
    const auto to = next(Source::kServing, event);
    EXPECT_TRUE(!to || to == Source::kServing || to == Source::kDone) << name_of(event);
  }
}

TEST(Phase, TheTargetRunsItOnlyAfterTheGrant) {
  for (const auto state : kTargetStates) {
    for (const auto event : kTargetEvents) {
      const auto to = next(state, event);
      if (to == Target::kResuming && state != Target::kResuming) {
        EXPECT_EQ(state, Target::kRestored);
        EXPECT_EQ(event, TargetEvent::kGranted);
      }
      if (to == Target::kRunning && state != Target::kRunning) {
        EXPECT_EQ(state, Target::kResuming);
      }
    }
  }
}

TEST(Phase, EndsAreEnds) {
  for (const auto event : kSourceEvents) {
    EXPECT_FALSE(next(Source::kDone, event)) << name_of(event);
    EXPECT_FALSE(next(Source::kAborted, event)) << name_of(event);
  }
  for (const auto event : kTargetEvents) EXPECT_FALSE(next(Target::kAborted, event)) << name_of(event);
}

TEST(Phase, FencesAreWhatTheOtherSideMayRelyOn) {
  for (const auto state : {Source::kCommitted, Source::kServing, Source::kDone, Source::kAborted, Source::kInDoubt}) {
    EXPECT_TRUE(is_fence(state)) << name_of(state);
  }
  for (const auto state : {Target::kResuming, Target::kRunning, Target::kAborted}) {
    EXPECT_TRUE(is_fence(state)) << name_of(state);
  }
}

}  // namespace
}  // namespace ferry::migration
