// SPDX-License-Identifier: Apache-2.0
//
// The judge of the kill campaign sees what it is there to see.
#include "faults/ledger.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/subprocess.h"
#include "support/poll.h"

namespace ferry::faults {
namespace {

// Lines FROM to TO of a copy whose random bytes are those of `copy`.
std::string lines(int from, int to, int copy = 0) {
  std::string text;
  for (int i = from; i <= to; ++i) text += fmt::format("{} {:08x}{:08x} {} {}\n", i, copy, i, i / 10, i);
  return text;
}

TEST(Ledger, ACopyLeftBehindIsAPrefix) {
  EXPECT_EQ(two_have_run({lines(1, 50), lines(1, 90)}), "");
  EXPECT_EQ(two_have_run({lines(1, 90), lines(1, 50), ""}), "");
}

TEST(Ledger, ALineCutShortInTransferIsNone) { EXPECT_EQ(two_have_run({lines(1, 50).substr(0, 700), lines(1, 90)}), ""); }

TEST(Ledger, TwoCopiesThatRanDifferThoughTheyCountAlike) {
  const std::string verdict = two_have_run({lines(1, 50) + lines(51, 53), lines(1, 50) + lines(51, 90, 1)});
  EXPECT_NE(verdict.find("after 50 lines in common"), std::string::npos) << verdict;
  EXPECT_NE(verdict.find("\"51 "), std::string::npos) << verdict;
}

TEST(Ledger, OneThatRanAndWasSweptIsFoundInTheFileThatWasHeldOpen) {
  const base::Path directory = base::Path(::testing::TempDir()) / fmt::format("ledger-{}", ::getpid());
  std::filesystem::create_directories(directory / "a");
  std::filesystem::create_directories(directory / "b");
  Ledger ledger({{"east", directory / "a"}, {"west", directory / "b"}});
  base::replace_file(directory / "a/log", lines(1, 50), base::Durable::kNo);
  base::replace_file(directory / "b/log.staged", lines(1, 50) + lines(51, 53, 1), base::Durable::kNo);
  ledger.look();
  std::filesystem::remove(directory / "b/log.staged");
  base::replace_file(directory / "a/log", lines(1, 90), base::Durable::kNo);
  ledger.look();
  EXPECT_EQ(ledger.texts().size(), 3U);
  EXPECT_NE(two_have_run(ledger.texts()), "");
  std::filesystem::remove_all(directory);
}

// Two real ones, from the same beginnings.
TEST(FaultJudge, TellsTwoCopiesOfTheCensus) {
  const base::Path directory = base::Path(::testing::TempDir()) / fmt::format("judge-{}", ::getpid());
  Ledger ledger({{"east", directory / "a"}, {"west", directory / "b"}});
  std::vector<base::Child> copies;
  for (const char* host : {"a", "b"}) {
    std::filesystem::create_directories(directory / host);
    copies.push_back(base::spawn({"python3", FERRY_BINARY_DIR "/programs/census.py", (directory / host / "log").string()}));
  }
  const auto both_write = [&] {
    ledger.look();
    return count_lines(ledger.text_of("east", "log")) > 20 && count_lines(ledger.text_of("west", "log")) > 20;
  };
  ASSERT_TRUE(testing::comes_true(both_write));
  EXPECT_NE(two_have_run(ledger.texts()), "");
  for (const auto& text : ledger.texts()) EXPECT_EQ(what_is_wrong_in(text), "");
  copies.clear();
  std::filesystem::remove_all(directory);
}

TEST(Ledger, WhatALogSaysOfItself) {
  EXPECT_EQ(what_is_wrong_in(lines(1, 300)), "");
  EXPECT_EQ(what_is_wrong_in(lines(1, 300) + "301 abc"), "");  // being written
  EXPECT_NE(what_is_wrong_in(lines(1, 20) + lines(22, 30)), "");
  EXPECT_NE(what_is_wrong_in(lines(2, 30)), "");
  EXPECT_NE(what_is_wrong_in(lines(1, 20) + lines(20, 30)), "");
  EXPECT_EQ(what_is_wrong_in(lines(1, 20) + "FAIL page 3\n"), "FAIL page 3");
  std::string stood_still;
  for (int i = 1; i < 300; ++i) stood_still += fmt::format("{} 0123456789abcdef 0 7\n", i);
  EXPECT_NE(what_is_wrong_in(stood_still).find("stood still"), std::string::npos);
}

TEST(Ledger, RequestsAndLinesAreCounted) {
  EXPECT_EQ(requests_in(lines(1, 57)), 5U);
  EXPECT_EQ(requests_in(lines(1, 57) + "58 01"), 5U);
  EXPECT_EQ(requests_in(""), 0U);
  EXPECT_EQ(count_lines(lines(1, 57)), 57U);
}

}  // namespace
}  // namespace ferry::faults
