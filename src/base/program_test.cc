// SPDX-License-Identifier: Apache-2.0
#include "base/program.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/subprocess.h"

namespace ferry::base {
namespace {

TEST(Program, WordsComeThroughAShellAsTheyWere) {
  for (const std::string word :
       {"", "plain", "two words", "it's", "'", "$HOME `x` \\ \"", "a\nb"}) {
    EXPECT_EQ(run({"sh", "-c", "printf %s " + shell_word(word)}).out, word);
  }
}

TEST(Program, TheFirstExecutableOfThatNameIsFound) {
  const Path place = std::filesystem::temp_directory_path() / ("program-" + std::to_string(::getpid()));
  const Path first = place / "first", second = place / "second";
  for (const Path& directory : {first, second}) {
    std::filesystem::create_directories(directory);
    replace_file(directory / "tool", "#!/bin/sh\n", Durable::kNo);
  }
  std::filesystem::create_directories(first / "directory");
  ::chmod((second / "tool").c_str(), 0755);
  const std::string both = first.string() + "::" + second.string();
  EXPECT_EQ(find_in_path("tool", both), second / "tool");
  ::chmod((first / "tool").c_str(), 0755);
  EXPECT_EQ(find_in_path("tool", both), first / "tool");
  EXPECT_EQ(find_in_path("directory", both), "");
  EXPECT_EQ(find_in_path("other", both), "");
  EXPECT_EQ(find_in_path("tool", ""), "");
  std::filesystem::remove_all(place);
}

TEST(Program, WordsBecomePartOfASentence) {
  EXPECT_EQ(one_line("it failed\nfor a reason\n\n"), "it failed for a reason");
  EXPECT_EQ(one_line("\n"), "");
}

TEST(VersionOf, WhatATextBeginsWith) {
  EXPECT_EQ(version_of("6.18.4-amd64"), std::pair(6, 18));
  EXPECT_EQ(version_of("1.8.1"), std::pair(1, 8));
  EXPECT_EQ(version_of("4"), std::pair(4, 0));
  EXPECT_EQ(version_of("crun 1.8"), std::pair(0, 0));
  EXPECT_EQ(version_of(""), std::pair(0, 0));
  EXPECT_LT(version_of("1.8.1"), version_of("1.21"));
}

}  // namespace
}  // namespace ferry::base
