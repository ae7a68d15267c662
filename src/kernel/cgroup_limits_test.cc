// SPDX-License-Identifier: Apache-2.0
#include "kernel/cgroup_limits.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "base/fd.h"
#include "kernel/cgroup_tree.h"
#include "kernel/mounts.h"

namespace ferry::kernel {
namespace {

// In whichever hierarchy limits processes on this machine.
class CgroupLimits : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const auto& mount : own_mounts()) {
      if (!mount.is_cgroup()) continue;
      directory_ = mount.point / path_.substr(1);
      std::error_code none;
      std::filesystem::create_directory(directory_, none);
      if (std::filesystem::exists(directory_ / "pids.max")) return;
      std::filesystem::remove(directory_, none);
    }
    directory_.clear();
    GTEST_SKIP() << "no cgroup can be made here that limits processes";
  }
  void TearDown() override {
    if (!directory_.empty()) remove_cgroup(directory_);
  }
  std::string pids() const {
    for (const auto& limit : limits_of(path_)) {
      if (limit.file == "pids.max") return limit.value;
    }
    return "";
  }

  const std::string path_ = "/ferry-limits-" + std::to_string(::getpid());
  base::Path directory_;
};

TEST_F(CgroupLimits, AreReadAndSet) {
  EXPECT_EQ(pids(), "max");
  EXPECT_TRUE(set_limits(path_, {{"pids.max", "17"}}).empty());
  EXPECT_EQ(pids(), "17");
}

TEST_F(CgroupLimits, WhatTheKernelRefusesIsTold) {
  const auto refused = set_limits(path_, {{"pids.max", "many"}, {"memory.no_such_file", "1"}});
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_NE(refused[0].find("pids.max"), std::string::npos) << refused[0];
  EXPECT_EQ(pids(), "max");
}

// Another host says what is to be written, but not where.
TEST_F(CgroupLimits, WhatIsNoLimitIsNotTouched) {
  EXPECT_TRUE(
      set_limits(path_, {{"cgroup.procs", std::to_string(::getpid())}, {"../pids.max", "1"}})
          .empty());
  EXPECT_EQ(base::read_file(directory_ / "cgroup.procs"), "");
}

}  // namespace
}  // namespace ferry::kernel
