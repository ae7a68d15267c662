// SPDX-License-Identifier: Apache-2.0
#include "bench/temporary_directory.h"

#include <gtest/gtest.h>

namespace ferry::bench {
namespace {

TEST(TemporaryDirectory, GoesWithItsContent) {
  base::Path path;
  {
    const TemporaryDirectory directory;
    path = directory.path();
    base::replace_file(path / "file", "content");
    EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms(0700));
    directory.let_others_in();
    EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms(0755));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace ferry::bench
