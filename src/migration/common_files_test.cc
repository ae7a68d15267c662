// SPDX-License-Identifier: Apache-2.0
#include "migration/common_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "process/tree.h"

namespace ferry::migration {
namespace {

// Both hosts are this one.
class CommonFilesTest : public ::testing::Test {
 protected:
  CommonFilesTest() {
    std::string path = "/tmp/ferry-common-XXXXXX";
    EXPECT_NE(::mkdtemp(path.data()), nullptr);
    directory_ = path;
    view_ = process::look_at(process::read_tree(::getpid()));
  }
  ~CommonFilesTest() override { std::filesystem::remove_all(directory_); }
  std::string make(const std::string& name) {
    const base::Path path = directory_ / name;
    std::filesystem::create_directories(path.parent_path());
    base::write_full(base::open_file(path, O_WRONLY | O_CREAT, 0600).get(), std::string_view("content"));
    return path.string();
  }
  static wire::Requirements carried(const std::vector<std::string>& paths) {
    wire::Requirements needed;
    for (const auto& path : paths) {
      struct stat info {};
      EXPECT_EQ(::stat(path.c_str(), &info), 0);
      auto& one = *needed.add_carried();
      one.set_path(path);
      one.set_inode(info.st_ino);
    }
    return needed;
  }
  size_t files_there() const {
    const std::filesystem::recursive_directory_iterator all(directory_);
    return static_cast<size_t>(std::ranges::count_if(all, [](const auto& entry) { return entry.is_regular_file(); }));
  }

  base::Path directory_;
  process::View view_;
};

const auto kNobodyAsks = [](const std::string&) {};

TEST_F(CommonFilesTest, AreThoseBesideAMark) {
  const auto one = make("a/one"), two = make("a/two"), other = make("b/other");
  auto needed = carried({one, two, other});
  {
    std::vector<std::string> told;
    const StorageMarks marks(view_, {one, two}, [&](const std::string& path) { told.push_back(path); });
    ASSERT_EQ(told.size(), 1u);
    EXPECT_TRUE(std::filesystem::exists(told[0]));
    marks.describe(needed);
    EXPECT_EQ(common_files(needed), (std::set{one, two}));
  }
  EXPECT_EQ(files_there(), 3u);                 // nothing is left
  EXPECT_TRUE(common_files(needed).empty());  // and now they are not proven any more
}

TEST_F(CommonFilesTest, NotAnotherFileOfThatName) {
  const auto path = make("one");
  auto needed = carried({path});
  std::filesystem::rename(make("two"), path);
  const StorageMarks marks(view_, {path}, kNobodyAsks);
  marks.describe(needed);
  EXPECT_TRUE(common_files(needed).empty());
}

TEST_F(CommonFilesTest, NoMarkLiesOutsideItsDirectory) {
  const auto path = make("one");
  auto needed = carried({path});
  auto& mark = *needed.add_marks();
  mark.set_directory(directory_);
  mark.set_name("../" + directory_.filename().string() + "/one");
  EXPECT_TRUE(common_files(needed).empty());
}

TEST_F(CommonFilesTest, TheWorkloadDoesNotNotice) {
  const auto path = make("watched/one");
  const base::Fd watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  ASSERT_GE(::inotify_add_watch(watch.get(), (directory_ / "watched").c_str(), IN_CREATE | IN_DELETE), 0);
  auto needed = carried({path});
  const StorageMarks marks(process::look_at(process::read_tree(::getpid())), {path}, kNobodyAsks);
  marks.describe(needed);
  EXPECT_EQ(needed.marks_size(), 0);
  char event[512];
  EXPECT_EQ(::read(watch.get(), event, sizeof event), -1);
}

TEST_F(CommonFilesTest, WithWhatIsOpenedThereLater) {
  const auto one = make("a/one"), mounted = make("a/mounted"), other = make("b/other");
  std::vector<std::string> files{one, mounted, other};  // at the target something else is mounted there
  google::protobuf::RepeatedPtrField<std::string> present;
  *present.Add() = one;
  *present.Add() = "/somebody/elses";
  CommonFiles common;
  common.learn(::getpid(), present, files);
  EXPECT_EQ(files, (std::vector{mounted, other}));
  const auto later = make("a/later"), below = make("a/below/later");
  files = {one, mounted, other, later, below, (directory_ / "a/gone").string()};
  common.leave_out(files);
  EXPECT_EQ(files, (std::vector{mounted, other, below, (directory_ / "a/gone").string()}));
  common.write_back();
}

}  // namespace
}  // namespace ferry::migration
