// SPDX-License-Identifier: Apache-2.0
#include "files/tree_changes.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "base/clock.h"

namespace ferry::files {
namespace {

namespace fs = std::filesystem;
using Paths = std::vector<std::string>;

class TreeChangesTest : public ::testing::Test {
 protected:
  TreeChangesTest() {
    base::Path pattern = fs::temp_directory_path() / "tree-changes-XXXXXX";
    std::string name = pattern;
    tree_ = ::mkdtemp(name.data());
    fs::create_directories(tree_ / "base/old");
    for (const char* file : {"base/1", "base/2", "base/old/3", "log"}) write(file, "first");
    pause();
  }
  ~TreeChangesTest() override { fs::remove_all(tree_); }

  void write(const char* file, const std::string& text) const {
    std::ofstream(tree_ / file) << text;
  }
  // Longer than a tick, by which the kernel stamps files. The moment after it.
  static int64_t pause() {
    std::this_thread::sleep_for(base::milliseconds(20));
    return base::real_ns() - 10'000'000;
  }
  static Paths sorted(Paths paths) {
    std::ranges::sort(paths);
    return paths;
  }
  Paths since(int64_t moment) const { return sorted(changes_since(tree_, moment, moment).paths); }

  base::Path tree_;
};

TEST_F(TreeChangesTest, NothingHasChanged) { EXPECT_EQ(since(pause()), Paths()); }

TEST_F(TreeChangesTest, FilesThatAreWritten) {
  const auto moment = pause();
  write("base/2", "longer than before");
  ::chmod((tree_ / "log").c_str(), 0600);
  EXPECT_EQ(since(moment), (Paths{"./base/2", "./log"}));
}

TEST_F(TreeChangesTest, WhatComesAndGoesIsItsDirectorys) {
  auto moment = pause();
  write("base/old/new", "");
  EXPECT_EQ(since(moment), (Paths{"./base/old", "./base/old/new"}));
  moment = pause();
  fs::remove(tree_ / "log");
  EXPECT_EQ(since(moment), Paths{"./"});
}

// What is in it has its old times under new names.
TEST_F(TreeChangesTest, ARenamedDirectoryIsNamed) {
  const auto moment = pause();
  fs::rename(tree_ / "base/old", tree_ / "base/older");
  const auto found = since(moment);
  EXPECT_NE(std::ranges::find(found, "./base"), found.end());
}

// Written while somebody read it, and then no more: its size and time may be those of what was
// read.
TEST_F(TreeChangesTest, FilesWhoseTimeDoesNotTell) {
  const auto moment = pause();
  write("base/1", "FIRST");
  const auto read_until = pause() + 10'000'000;
  pause();
  write("base/2", "FIRST");
  const auto changes = changes_since(tree_, moment, read_until);
  EXPECT_EQ(sorted(changes.paths), (Paths{"./base/1", "./base/2"}));
  EXPECT_EQ(changes.alike, Paths{"./base/1"});
}

// As cp -p and tar do.
TEST_F(TreeChangesTest, ATimeThatWasSetBackDoesNotTell) {
  const auto moment = pause();
  const auto time = fs::last_write_time(tree_ / "base/1");
  write("base/1", "FIRST");
  fs::last_write_time(tree_ / "base/1", time);
  EXPECT_EQ(changes_since(tree_, moment, moment).alike, Paths{"./base/1"});
}

}  // namespace
}  // namespace ferry::files
