// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"

namespace ferry::base {
namespace {

class FdTest : public testing::Test {
 protected:
  FdTest() {
    char pattern[] = "/tmp/ferry-fd-XXXXXX";
    directory_ = ::mkdtemp(pattern);
  }
  ~FdTest() override { std::filesystem::remove_all(directory_); }
  Path directory_;
};

TEST_F(FdTest, ReplacingAFileLeavesNothingBeside) {
  replace_file(directory_ / "a", "one");
  replace_file(directory_ / "a", "two", Durable::kNo);
  EXPECT_EQ(read_file(directory_ / "a"), "two");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 1);
}

TEST_F(FdTest, AFileWithoutADirectoryIsInTheCurrentOne) {
  const Path before = std::filesystem::current_path();
  std::filesystem::current_path(directory_);
  replace_file("b", "here");
  std::filesystem::current_path(before);
  EXPECT_EQ(read_file(directory_ / "b"), "here");
}

TEST_F(FdTest, WhatIsMissingIsAnErrorOrNothingAsAsked) {
  EXPECT_THROW(read_file(directory_ / "none"), SysError);
  EXPECT_EQ(try_read_file(directory_ / "none"), std::nullopt);
}

TEST_F(FdTest, AClosedOrMovedFdIsEmpty) {
  FdPair pipe = make_pipe();
  Fd moved = std::move(pipe.first);
  EXPECT_FALSE(pipe.first);
  EXPECT_TRUE(moved);
  write_full(pipe.second.get(), "x");
  EXPECT_TRUE(wait_readable(moved.get(), 1000));
  moved.reset();
  EXPECT_FALSE(moved);
}

}  // namespace
}  // namespace ferry::base
