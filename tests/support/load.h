// SPDX-License-Identifier: Apache-2.0
//
// `ferry load-test … --json --until-eof-of-stdin` under way.
#pragma once

#include "support/move_test.h"

namespace ferry::testing {

// Its result. Null after a failure.
inline Json end_load(Background& load) {
  load.close_input();
  const auto text = load.read_line(30'000);
  EXPECT_TRUE(text.has_value());
  EXPECT_EQ(load.wait(), 0);
  return text ? Json::parse(*text) : Json();
}

}  // namespace ferry::testing
