// SPDX-License-Identifier: Apache-2.0
//
// What tests of containers share: one lab for all of an engine's (engines and their images take time), and looper.py, whose output
// proves that it went on.
#pragma once

#include <optional>

#include "support/move_test.h"

namespace ferry::testing {

class ContainerTest : public FerryTest {
 protected:
  const Lab& lab() const override { return *lab_; }

  // Lines "0007 -> ID", "0008 -> ID", … with the same id, none skipped, none twice: how many. -1: not so, or they do not begin with `first`.
  static int looper_lines(const std::string& text, std::optional<int> first = {});
  // `ferry check` and `ferry move` of it from east.
  void expect_refused(const std::string& what, const std::string& host, const std::string& words) const;

  static inline std::unique_ptr<Lab> lab_;  // of the suite that runs
};

}  // namespace ferry::testing
