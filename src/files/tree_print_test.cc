// SPDX-License-Identifier: Apache-2.0
#include "files/tree_print.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/program.h"
#include "base/subprocess.h"

namespace ferry::files {
namespace {

class TreePrintTest : public ::testing::Test {
 protected:
  TreePrintTest() {
    char pattern[] = "/tmp/ferry-print-XXXXXX";
    directory_ = ::mkdtemp(pattern);
    std::filesystem::create_directories(directory_ / "one/sub");
    write("one/file", "content");
    write("one/sub/other", "more");
    std::filesystem::create_symlink("file", directory_ / "one/link");
    copy();
  }
  ~TreePrintTest() override { std::filesystem::remove_all(directory_); }

  void write(const std::string& name, const std::string& text) const {
    base::replace_file(directory_ / name, text, base::Durable::kNo);
  }
  // "two" as rsync -a would make it.
  void copy() const {
    std::filesystem::remove_all(directory_ / "two");
    ASSERT_EQ(base::run({"cp", "-a", (directory_ / "one").string(), (directory_ / "two").string()})
                  .status,
              0);
  }
  std::string print(const std::string& name) const {
    const auto found = print_of(directory_ / name);
    return found ? found->text : "none";
  }

  base::Path directory_;
};

TEST_F(TreePrintTest, ACopyIsTheSame) {
  EXPECT_EQ(print("one"), print("two"));
  EXPECT_EQ(print_of(directory_ / "one")->bytes, 11u);
  EXPECT_TRUE(print_of(directory_ / "one")->is_directory);
}

TEST_F(TreePrintTest, WhateverDiffersIsSeen) {
  const auto differs = [&](const char* what, const auto& change) {
    copy();
    change();
    EXPECT_NE(print("one"), print("two")) << what;
  };
  differs("a new file", [&] { write("two/new", ""); });
  differs("a file that is gone", [&] { std::filesystem::remove(directory_ / "two/sub/other"); });
  differs("a longer file", [&] { write("two/file", "content and more"); });
  differs("the same length at another time", [&] { write("two/file", "CONTENT"); });
  differs("a mode", [&] { ::chmod((directory_ / "two/sub").c_str(), 0700); });
  differs("the root's mode", [&] { ::chmod((directory_ / "two").c_str(), 0700); });
  differs("where a link leads", [&] {
    std::filesystem::remove(directory_ / "two/link");
    std::filesystem::create_symlink("sub", directory_ / "two/link");
  });
  differs("a name",
          [&] { std::filesystem::rename(directory_ / "two/file", directory_ / "two/File"); });
}

// What is installed on two hosts was not written at the same moment.
TEST_F(TreePrintTest, ASingleFileIsToldByItsContent) {
  write("a", "same");
  write("b", "same");
  const timespec long_ago[2] = {{1, 0}, {1, 0}};
  ::utimensat(AT_FDCWD, (directory_ / "b").c_str(), long_ago, 0);
  EXPECT_EQ(print("a"), print("b"));
  EXPECT_FALSE(print_of(directory_ / "a")->is_directory);
  write("b", "SAME");
  EXPECT_NE(print("a"), print("b"));
}

TEST_F(TreePrintTest, WhatIsNeitherFileNorDirectoryHasNone) {
  EXPECT_EQ(print("nothing"), "none");
  EXPECT_EQ(print("one/link"), "none");
  ASSERT_EQ(::mkfifo((directory_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(print("fifo"), "none");
}

}  // namespace
}  // namespace ferry::files
