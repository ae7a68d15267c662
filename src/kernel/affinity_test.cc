// SPDX-License-Identifier: Apache-2.0
#include "kernel/affinity.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/error.h"

namespace ferry::kernel {
namespace {

TEST(CpuSet, IsWrittenAsTheKernelWritesIt) {
  for (const char* text : {"", "0", "3", "0-3", "0,2", "0-3,8,63-64,100-8191"}) EXPECT_EQ(CpuSet::parse(text).text(), text);
  EXPECT_EQ(CpuSet::parse("1,0,2"), CpuSet::parse("0-2"));
}

TEST(CpuSet, ItsNumbers) {
  EXPECT_EQ(CpuSet::parse("0-1,64,8191").numbers(), (std::vector<unsigned>{0, 1, 64, 8191}));
  EXPECT_TRUE(CpuSet().numbers().empty());
}

TEST(CpuSet, WhatIsNoListIsRefused) {
  for (const char* text : {"x", "1-", "-1", "1;2", "1,,2", "8192", "99999999999999"}) EXPECT_THROW((void)CpuSet::parse(text), base::Error) << text;
}

TEST(Affinity, IsSetAndTold) {
  std::thread([] {
    const auto before = affinity_of(0);
    ASSERT_TRUE(before);
    unsigned first = 0;
    while (!before->has(first)) ++first;
    CpuSet one;
    one.add(first);
    one.add(8000);  // no host has it: it does not count
    EXPECT_TRUE(set_affinity(0, one));
    EXPECT_EQ(affinity_of(0)->text(), std::to_string(first));
    EXPECT_FALSE(set_affinity(0, CpuSet::parse("8000")));
    EXPECT_EQ(affinity_of(0)->text(), std::to_string(first)) << "unchanged";
  }).join();
}

}  // namespace
}  // namespace ferry::kernel
