// SPDX-License-Identifier: Apache-2.0
#include "criu/trial.h"

#include <gtest/gtest.h>

#include "criu/test_task.h"

namespace ferry::criu {
namespace {

class Trial : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "CRIU needs root";
  }
  base::Path memory() const { return directory_.path() / "sub" / "hides-memory"; }
  TemporaryDirectory directory_;
};

TEST_F(Trial, ThisCriuHidesMemoryAndThatIsRemembered) {
  const auto installation = installation_to_test();
  EXPECT_EQ(why_memory_cannot_be_hidden(installation, memory()), std::nullopt);
  const std::string known = base::read_file(memory());
  EXPECT_NE(known.find("CRIU " + installation.version()), std::string::npos);
  const auto written = std::filesystem::last_write_time(memory());
  EXPECT_EQ(why_memory_cannot_be_hidden(installation, memory()), std::nullopt);
  EXPECT_EQ(std::filesystem::last_write_time(memory()), written) << "it was tried again";
}

TEST_F(Trial, WhatIsKnownOfAnotherCriuDoesNotCount) {
  std::filesystem::create_directories(memory().parent_path());
  base::replace_file(memory(), "CRIU 3.17.1\n", base::Durable::kNo);
  EXPECT_EQ(why_memory_cannot_be_hidden(installation_to_test(), memory()), std::nullopt);
  EXPECT_NE(base::read_file(memory()), "CRIU 3.17.1\n");
}

TEST_F(Trial, ACriuWithoutTheLibraryDoesNot) {
  const base::Path beside = directory_.path();
  std::filesystem::create_directory_symlink(base::Path(FERRY_BINARY_DIR) / "criu", beside / "criu");
  const auto why = why_memory_cannot_be_hidden(Installation::find_beside(beside), memory());
  EXPECT_NE(why.value_or("").find("libferry-criu.so"), std::string::npos)
      << why.value_or("nothing");
  // One that is loaded, and hides nothing.
  std::filesystem::create_symlink("/lib/x86_64-linux-gnu/libm.so.6", beside / "libferry-criu.so");
  EXPECT_EQ(why_memory_cannot_be_hidden(Installation::find_beside(beside), memory()),
            "it dumped memory that was hidden from it");
  EXPECT_FALSE(std::filesystem::exists(memory()));
}

}  // namespace
}  // namespace ferry::criu
