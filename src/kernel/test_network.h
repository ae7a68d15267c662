// SPDX-License-Identifier: Apache-2.0
//
// For unit tests: a network namespace of their own, which vanishes with the thread that made it.
#pragma once

#include <gtest/gtest.h>
#include <sched.h>

#include <cerrno>
#include <exception>
#include <functional>
#include <thread>

#include "kernel/netlink.h"

namespace ferry::kernel {

class OwnNetworkTest : public ::testing::Test {
 protected:
  void in_own_network(const std::function<void(Netlink&)>& work) {
    std::exception_ptr failure;
    int refused = 0;
    std::thread([&] {
      if (::unshare(CLONE_NEWNET) < 0) {
        refused = errno;
        return;
      }
      try {
        Netlink netlink;
        work(netlink);
      } catch (...) {
        failure = std::current_exception();
      }
    }).join();
    if (refused == EPERM) GTEST_SKIP() << "a network namespace takes root";
    ASSERT_EQ(refused, 0);
    if (failure) std::rethrow_exception(failure);
  }
};

}  // namespace ferry::kernel
