// SPDX-License-Identifier: Apache-2.0
//
// A computation that takes as long as it has steps, but whose result can be checked at once: two
// linear congruential sequences, one in integers and one in floating point (so that both kinds of
// registers matter), whose n-th member is also known by a formula.
#pragma once

#include <cstdint>

namespace ferry::workloads {

class Sequence {
 public:
  void advance(uint64_t steps);

  uint64_t steps() const { return steps_; }
  uint64_t checksum() const { return integer_ ^ static_cast<uint64_t>(real_); }
  // Whether both are what the formula says for so many steps.
  bool right() const;

 private:
  static constexpr uint64_t kStart = 20261128;

  uint64_t steps_ = 0;
  uint64_t integer_ = kStart;  // modulo 2^64
  double real_ = kStart;       // always a whole number: all of its arithmetic is exact
};

}  // namespace ferry::workloads
