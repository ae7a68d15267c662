// SPDX-License-Identifier: Apache-2.0
#include "bench/assignment_hosts.h"

#include <gtest/gtest.h>

namespace ferry::bench {
namespace {

TEST(AssignmentHosts, AreCalledByWhatDiffersAndMatters) {
  const report::Host old{
      "", {{"system", "Debian 12"}, {"runc", "1.1.5"}, {"docker", "20.10.24"}, {"CRIU", "4.2"}}};
  auto other = old;
  other.facts[1].second = "1.1.15";
  EXPECT_EQ(difference_words(old, other), kAlike);  // runc's version is in the table of hosts
  other.facts[3].second = "4.1.1";
  EXPECT_EQ(difference_words(old, other), "CRIU 4.2 → CRIU 4.1.1");
  other.facts[0].second = "Debian 13";
  EXPECT_EQ(difference_words(other, old), "Debian 13, CRIU 4.1.1 → Debian 12, CRIU 4.2");
}

TEST(AssignmentHosts, WhatIsNotThereIsLeftOutAndSaid) {
  std::vector<std::string> notes;
  EXPECT_TRUE(host_pairs("/nonexistent", notes).empty());
  ASSERT_EQ(notes.size(), kPairLabels.size());
  EXPECT_NE(notes[3].find("\"criu\" was left out"), std::string::npos) << notes[3];
}

}  // namespace
}  // namespace ferry::bench
