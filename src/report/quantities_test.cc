// SPDX-License-Identifier: Apache-2.0
#include "report/quantities.h"

#include <gtest/gtest.h>

namespace ferry::report {
namespace {

TEST(Quantities, HaveThreeDigitsAndTheUnitThatFits) {
  EXPECT_EQ(text_ms(0.8765), "0.88\u00a0ms");
  EXPECT_EQ(text_ms(48.44), "48.4\u00a0ms");
  EXPECT_EQ(text_ms(99.96), "100\u00a0ms");
  EXPECT_EQ(text_ms(999.4), "999\u00a0ms");
  EXPECT_EQ(text_ms(999.6), "1.00\u00a0s");
  EXPECT_EQ(text_ms(123456), "123\u00a0s");
  EXPECT_EQ(text_ms(-3.5), "-3.50\u00a0ms");
  EXPECT_EQ(text_bytes(512), "512\u00a0B");
  EXPECT_EQ(text_bytes(4.1 * 1024 * 1024), "4.1\u00a0MiB");
  EXPECT_EQ(text_bytes(1023.0 * 1024), "1.0\u00a0MiB");
  EXPECT_EQ(text_count(1234567), "1,234,567");
  EXPECT_EQ(text_count(12), "12");
  EXPECT_EQ(text_number(1234.5), "1,235");
  EXPECT_EQ(text_percent(0.0034), "0.3\u00a0%");
  EXPECT_EQ(text_percent(1), "100\u00a0%");
}

TEST(Quantities, ARangeSaysItsUnitOnce) {
  EXPECT_EQ(range_text(text_ms(48.4), text_ms(64.8)), "48.4–64.8\u00a0ms");
  EXPECT_EQ(range_text(text_ms(900), text_ms(1400)), "900\u00a0ms–1.40\u00a0s");
  EXPECT_EQ(range_text("3", "5"), "3–5");
  EXPECT_EQ(range_text(text_ms(5), text_ms(5)), text_ms(5));
}

}  // namespace
}  // namespace ferry::report
