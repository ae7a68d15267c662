// SPDX-License-Identifier: Apache-2.0
#include "sequence.h"

#include <gtest/gtest.h>

#include <cstring>

namespace ferry::workloads {
namespace {

TEST(Sequence, FormulaAgreesAtEveryStep) {
  Sequence sequence;
  EXPECT_TRUE(sequence.right());
  for (int i = 0; i < 5000; ++i) {
    sequence.advance(1);
    ASSERT_TRUE(sequence.right()) << i;
  }
  sequence.advance(1'000'003);
  EXPECT_TRUE(sequence.right());
  EXPECT_EQ(sequence.steps(), 1'005'003u);
}

TEST(Sequence, ResultDependsOnTheStepsOnly) {
  Sequence one, other;
  one.advance(1000);
  for (int i = 0; i < 10; ++i) other.advance(100);
  EXPECT_EQ(one.checksum(), other.checksum());
  other.advance(1);
  EXPECT_NE(one.checksum(), other.checksum());
}

TEST(Sequence, AnyChangedBitOfItsStateIsFound) {
  Sequence sequence;
  sequence.advance(12345);
  for (size_t bit = 0; bit < 8 * sizeof sequence; ++bit) {
    Sequence changed = sequence;
    auto* const bytes = reinterpret_cast<unsigned char*>(&changed);
    bytes[bit / 8] = static_cast<unsigned char>(bytes[bit / 8] ^ (1u << bit % 8));
    EXPECT_FALSE(changed.right()) << bit;
  }
}

}  // namespace
}  // namespace ferry::workloads
