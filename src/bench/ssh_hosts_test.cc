// SPDX-License-Identifier: Apache-2.0
#include "bench/ssh_hosts.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "bench/lab_hosts.h"

namespace ferry::bench {
namespace {

using namespace std::chrono_literals;

TEST(SshHosts, HostsAreNamedWithoutTheirUser) {
  EXPECT_EQ(host_of("root@west"), "west");
  EXPECT_EQ(host_of("west"), "west");
}

TEST(SshHosts, AHostThatCannotBeReachedIsRefused) {
  try {
    SshHosts hosts("root@127.0.0.1.invalid", "root@west", {}, -1);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.exit(), base::Exit::kRefused);
    EXPECT_FALSE(error.explanation().why.empty());
  }
}

TEST(Links, AreNamedByRateAndDelay) {
  EXPECT_EQ(link_words(0, 0ms), "not limited");
  EXPECT_EQ(link_words(125'000'000, 0ms), "1 Gbit/s");
  EXPECT_EQ(link_words(12'500'000, 500us), "100 Mbit/s, 2 ms added to a round trip");
}

}  // namespace
}  // namespace ferry::bench
