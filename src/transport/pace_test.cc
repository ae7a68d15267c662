// SPDX-License-Identifier: Apache-2.0
#include "transport/pace.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace ferry::transport {
namespace {

TEST(Pace, SeveralSendersTogetherKeepToIt) {
  Pace pace(10'000'000);
  const auto began = base::mono_now();
  std::vector<std::thread> senders;
  for (int i = 0; i < 4; ++i) {
    senders.emplace_back([&pace] {
      for (int n = 0; n < 10; ++n) pace.wait(50'000);  // 2 MB in all
    });
  }
  for (auto& sender : senders) sender.join();
  // 200 ms, less the burst and the last one, whose time comes after its turn.
  EXPECT_GE(base::ms_between(began, base::mono_now()), 180);
}

TEST(Pace, WithoutABoundItNeverWaits) {
  Pace pace(0);
  const auto began = base::mono_now();
  for (int n = 0; n < 1000; ++n) pace.wait(1'000'000'000);
  EXPECT_LT(base::ms_between(began, base::mono_now()), 1000);
}

}  // namespace
}  // namespace ferry::transport
