// SPDX-License-Identifier: Apache-2.0
//
// For moves that must not come about: the web counter on east with a client's open connection. Afterwards it is as if nobody
// had tried: the connection answers with the next number, neither host has anything that it had not before, and a move works.
#pragma once

#include <optional>
#include <string>

#include "support/move_test.h"

namespace ferry::testing {

class UnharmedTest : public MoveTest {
 protected:
  void SetUp() override;

  // `ferry move WORDS…` on east ends with `status` and says `says` on stderr; the counter is unharmed.
  Result expect_no_move(const Argv& words, int status, const std::string& says, const std::string& faults = {});
  void expect_unharmed();
  void remember();  // what the hosts have now is what they are to have; after a test's own changes
  // The next try succeeds, and the connection goes on over there.
  void expect_next_move_works();

  Connection& open() { return *open_; }

 private:
  std::optional<Connection> open_;
  int count_ = 0;
  std::string identity_, east_, west_;
};

}  // namespace ferry::testing
