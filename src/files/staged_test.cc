// SPDX-License-Identifier: Apache-2.0
#include "files/staged.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <fstream>

#include "base/error.h"

namespace ferry::files {
namespace {

class StagedFileTest : public testing::Test {
 protected:
  StagedFileTest() {
    char pattern[] = "/tmp/ferry-staged-XXXXXX";
    directory_ = ::mkdtemp(pattern);
    path_ = directory_ / "data";
  }
  ~StagedFileTest() override { std::filesystem::remove_all(directory_); }

  static std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }
  void write(const std::string& text) { std::ofstream(path_) << text; }
  size_t entries() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(directory_), {}));
  }
  base::Path directory_, path_;
};

TEST_F(StagedFileTest, AFifoIsMadeWhereNoneIs) {
  {
    StagedFile given_up(path_, "job");
    given_up.become_fifo();
    given_up.install(0, {0600, 0, 0, 1'000'000'000}, false);
  }
  EXPECT_EQ(entries(), 0u);
  for (int time : {1, 2}) {
    StagedFile fifo(path_, "job");
    fifo.become_fifo();
    fifo.become_fifo();  // a second pass
    fifo.install(0, {0640, 0, 0, 1'000'000'000}, false);
    fifo.keep();
    EXPECT_TRUE(std::filesystem::is_fifo(path_)) << time;
  }
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0640u);
  EXPECT_EQ(entries(), 1u);
}

TEST_F(StagedFileTest, AFifoAndAFileDoNotReplaceEachOther) {
  write("a file");
  {
    StagedFile fifo(path_, "job");
    fifo.become_fifo();
    EXPECT_THROW(fifo.install(0, {}, false), base::Error);
  }
  EXPECT_EQ(base::read_file(path_), "a file");
  std::filesystem::remove(path_);
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  {
    StagedFile file(path_, "job");
    file.begin(0);
    file.append(bytes("x"));
    EXPECT_THROW(file.install(1, {}, false), base::Error);
  }
  EXPECT_TRUE(std::filesystem::is_fifo(path_));
  EXPECT_EQ(entries(), 1u);
}

TEST_F(StagedFileTest, ArrivesWholeWithItsAttributesAndLeavesNothingElse) {
  StagedFile file(path_, "job");
  file.begin(0);
  file.append(bytes("hello "));
  file.append(bytes("world"));
  file.install(11, {0600, 0, 0, 1'000'000'000}, false);
  file.keep();
  EXPECT_EQ(base::read_file(path_), "hello world");
  struct stat info {};
  ::stat(path_.c_str(), &info);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(info.st_mtime, 1);
  EXPECT_EQ(entries(), 1u);
}

TEST_F(StagedFileTest, ASecondPassKeepsThePrefixThatStillHolds) {
  StagedFile file(path_, "job");
  file.begin(0);
  file.append(bytes("line 1\nline 2 torn"));
  file.begin(7);
  file.append(bytes("line 2\n"));
  file.install(14, {}, false);
  EXPECT_EQ(base::read_file(path_), "line 1\nline 2\n");
}

TEST_F(StagedFileTest, GivenUpItLeavesWhatWasThere) {
  write("hello");
  {
    StagedFile file(path_, "job");
    file.begin(0);
    file.append(bytes("hello world"));
    file.install(11, {}, false);  // what is there is an earlier part of it: allowed
    EXPECT_EQ(base::read_file(path_), "hello world");
  }
  EXPECT_EQ(base::read_file(path_), "hello");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(StagedFileTest, GivenUpWhereNothingWasItLeavesNothing) {
  {
    StagedFile file(path_, "job");
    file.begin(0);
    file.install(0, {}, false);
  }
  EXPECT_EQ(entries(), 0u);
}

TEST_F(StagedFileTest, NeverOverwritesAnotherFile) {
  write("someone else's");
  StagedFile file(path_, "job");
  file.begin(0);
  file.append(bytes("hello world of ours"));
  EXPECT_THROW(file.install(19, {}, false), base::Error);
  EXPECT_EQ(base::read_file(path_), "someone else's");
  file.install(19, {}, true);  // the workload's own, from an earlier stay
  EXPECT_EQ(base::read_file(path_), "hello world of ours");
}

TEST_F(StagedFileTest, IncompleteOrWithoutADirectoryIsRefused) {
  StagedFile file(path_, "job");
  file.begin(0);
  file.append(bytes("hell"));
  EXPECT_THROW(file.install(5, {}, false), base::Error);
  EXPECT_THROW(StagedFile(directory_ / "none" / "data", "job"), base::Error);
}

TEST_F(StagedFileTest, HashPrefixIsThatOfTheSameBytes) {
  write("abcdef");
  Hasher hasher;
  hasher.add(bytes("abc"));
  EXPECT_EQ(hash_prefix(path_, 3), hasher.digest());
  EXPECT_NE(hash_prefix(path_, 4), hasher.digest());
  EXPECT_EQ(hash_prefix(path_, 7), std::nullopt);
}

// As SIGKILL leaves it: no destructor has run.
class KilledStagedFileTest : public StagedFileTest {
 protected:
  StagedFile& start(std::string_view text) {
    killed_ = new StagedFile(path_, "job");  // deliberately never deleted
    killed_->begin(0);
    killed_->append(bytes(text));
    return *killed_;
  }
  void take_back() {
    for (int again = 0; again < 3; ++again) StagedFile::take_back(path_, "job", killed_->inode());
  }
  static inline StagedFile* killed_ = nullptr;  // reachable: no leak
};

TEST_F(KilledStagedFileTest, IsTakenBackBeforeItIsInItsPlace) {
  write("mine");
  start("theirs");
  take_back();
  EXPECT_EQ(base::read_file(path_), "mine");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(KilledStagedFileTest, IsTakenBackFromItsPlace) {
  write("mine");
  start("theirs").install(6, {}, true);
  ASSERT_EQ(base::read_file(path_), "theirs");
  take_back();
  EXPECT_EQ(base::read_file(path_), "mine");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(KilledStagedFileTest, WhereNothingWasNothingIs) {
  start("theirs").install(6, {}, false);
  take_back();
  EXPECT_EQ(entries(), 0u);
}

TEST_F(KilledStagedFileTest, WhatSomebodyHasPutThereSinceIsLeftAlone) {
  start("theirs").install(6, {}, false);
  const auto newer = path_.string() + ".new";
  std::ofstream(newer) << "newer";
  std::filesystem::rename(newer, path_);
  take_back();
  EXPECT_EQ(base::read_file(path_), "newer");
}

TEST_F(KilledStagedFileTest, IsKept) {
  write("mine");
  start("theirs").install(6, {}, true);
  StagedFile::keep(path_, "job");
  EXPECT_EQ(base::read_file(path_), "theirs");
  EXPECT_EQ(entries(), 1u);
}

}  // namespace
}  // namespace ferry::files
