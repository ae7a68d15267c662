// SPDX-License-Identifier: Apache-2.0
//
// For tests: a tracker on a child process.
#pragma once

#include <gtest/gtest.h>

#include "kernel/pagemap_scan.h"
#include "kernel/procfs.h"
#include "memory/test_child.h"
#include "memory/tracker.h"

namespace ferry::memory {

class TrackerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    support_ = probe();
    if (support_.backend == Backend::kNone) GTEST_SKIP() << support_.why;
  }
  void track(pid_t pid) {
    pid_ = pid;
    Attached attached = attach(pid, support_);
    while (attached.try_again) attached = attach(pid, support_);  // a busy machine
    ASSERT_TRUE(attached.tracker) << attached.why;
    tracker_ = std::move(attached.tracker);
    const auto plane = try_plane_of(pid);
    ASSERT_TRUE(plane);
    plane_ = *plane;
  }
  Scan scan() {
    plane_ = try_refresh(pid_, plane_).value();
    auto scan = tracker_->try_scan(plane_);
    EXPECT_TRUE(scan);
    return scan.value_or(Scan{});
  }
  FrozenScan scan_frozen() {
    plane_ = try_refresh(pid_, plane_).value();
    auto scan = tracker_->try_scan_frozen(plane_);
    EXPECT_TRUE(scan);
    return scan.value_or(FrozenScan{});
  }

  Support support_;
  pid_t pid_ = 0;
  std::unique_ptr<Tracker> tracker_;
  Plane plane_;
};

}  // namespace ferry::memory
