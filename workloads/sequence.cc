// SPDX-License-Identifier: Apache-2.0
#include "sequence.h"

namespace ferry::workloads {
namespace {

// next = kFactor * x + kTerm modulo 2^64 (Knuth's MMIX).
constexpr uint64_t kFactor = 6364136223846793005, kTerm = 1442695040888963407;
// The same with numbers so small that a double holds every product exactly.
constexpr uint64_t kModulus = 67108859;  // the largest prime below 2^26
constexpr uint64_t kSmallFactor = 31415821, kSmallTerm = 27182819;

double small_next(double x) {
  constexpr auto kM = static_cast<double>(kModulus);
  const double whole =
      static_cast<double>(kSmallFactor) * x + static_cast<double>(kSmallTerm);  // below 2^52
  const double rest = whole - static_cast<double>(static_cast<int64_t>(whole / kM)) * kM;
  // The quotient may have been rounded up to the next whole number.
  return rest < 0 ? rest + kM : rest;
}

// x -> factor * x + term, done `steps` times, is again of that form. `reduce` keeps it in range.
template <typename Reduce>
uint64_t jump(uint64_t x, uint64_t steps, uint64_t factor, uint64_t term, Reduce reduce) {
  uint64_t all_factor = 1, all_term = 0;
  for (; steps > 0; steps >>= 1) {
    if (steps & 1) {
      all_factor = reduce(all_factor * factor);
      all_term = reduce(all_term * factor + term);
    }
    term = reduce(term * factor + term);
    factor = reduce(factor * factor);
  }
  return reduce(all_factor * x + all_term);
}

}  // namespace

void Sequence::advance(uint64_t steps) {
  uint64_t integer = integer_;
  double real = real_;
  for (uint64_t i = 0; i < steps; ++i) {
    integer = kFactor * integer + kTerm;
    real = small_next(real);
  }
  integer_ = integer;
  real_ = real;
  steps_ += steps;
}

bool Sequence::right() const {
  const uint64_t integer = jump(kStart, steps_, kFactor, kTerm, [](uint64_t x) { return x; });
  const uint64_t real =
      jump(kStart, steps_, kSmallFactor, kSmallTerm, [](uint64_t x) { return x % kModulus; });
  return integer == integer_ && static_cast<double>(real) == real_;
}

}  // namespace ferry::workloads
