// SPDX-License-Identifier: Apache-2.0
#include "bench/table.h"

#include <gtest/gtest.h>

namespace ferry::bench {
namespace {

TEST(Table, AlignsByCharactersNotByBytes) {
  const std::string text = table({{"", {"east → west", "west → east 2"}},
                                  {"frozen", {"83.2 ms", "1.00 ms"}},
                                  {"a longer label", {"-"}}},
                                 Paint(false));
  EXPECT_EQ(text,
            "                   east → west  west → east 2\n"
            "  frozen               83.2 ms        1.00 ms\n"
            "  a longer label             -\n");
}

TEST(Table, ColoursOnlyWhenAskedTo) {
  const std::vector<Row> rows{{"frozen", {"1 ms"}, Tone::kBold}};
  EXPECT_EQ(table(rows, Paint(false)).find('\033'), std::string::npos);
  EXPECT_EQ(table(rows, Paint(true)), "  \033[1mfrozen          1 ms\033[0m\n");
}

TEST(Table, MillisecondsKeepThreeDigits) {
  EXPECT_EQ(in_ms(0.314), "0.31 ms");
  EXPECT_EQ(in_ms(83.17), "83.2 ms");
  EXPECT_EQ(in_ms(1240.4), "1240 ms");
  EXPECT_EQ(number_ms(12), "12.0");
}

}  // namespace
}  // namespace ferry::bench
