// SPDX-License-Identifier: Apache-2.0
#include "support/unharmed_test.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ferry::testing {

void UnharmedTest::SetUp() {
  MoveTest::SetUp();
  if (IsSkipped()) return;
  west_ = traces("west");
  ASSERT_NO_FATAL_FAILURE(run_counter());
  open_.emplace(connect());
  identity_ = open_->get("/id");
  count_ = open_->next();
  east_ = traces("east");
}

void UnharmedTest::remember() {
  east_ = traces("east");
  west_ = traces("west");
}

Result UnharmedTest::expect_no_move(const Argv& words, int status, const std::string& says, const std::string& faults) {
  Argv argv{"move"};
  argv.insert(argv.end(), words.begin(), words.end());
  const Result result = ferry("east", argv, faults);
  EXPECT_EQ(result.status, status) << fmt::format("{} {}\n", fmt::join(argv, " "), faults) << result.err;
  EXPECT_NE(result.err.find(says), std::string::npos) << result.err;
  EXPECT_EQ(result.out, "");
  expect_unharmed();
  return result;
}

void UnharmedTest::expect_unharmed() {
  EXPECT_EQ(open_->next(), ++count_);
  EXPECT_EQ(open_->get("/id"), identity_);
  EXPECT_EQ(connect().next(), ++count_);
  EXPECT_EQ(state_of("east", "web"), "running");
  expect_traces("east", east_);
  expect_traces("west", west_);
}

void UnharmedTest::expect_next_move_works() {
  ASSERT_FALSE(move("web", "east", "west").is_null());
  EXPECT_EQ(open_->next(), ++count_);
  EXPECT_EQ(open_->get("/id"), identity_);
  EXPECT_EQ(connect().next(), ++count_);
  EXPECT_EQ(state_of("west", "web"), "running");
}

}  // namespace ferry::testing
