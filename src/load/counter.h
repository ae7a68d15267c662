// SPDX-License-Identifier: Apache-2.0
//
// The proof that a service lost and repeated nothing. Each request makes the service add one to a
// counter and answer with it ("N\n"). Then every number may come once; an answer must be above all
// those that had come before its request was sent; and a number that never came must be one of a
// request that failed after it was sent. A service that went back in time, or was there twice,
// breaks one of these.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ferry::load {

struct CounterReport {
  uint64_t first = 0, last = 0;  // smallest and largest number that came
  uint64_t received = 0;         // answers with a number
  uint64_t repeated = 0;         // of these, how many had come before
  uint64_t backwards = 0;  // answers not above one that had come before their request was sent
  uint64_t missing = 0;    // numbers between first and last that never came
  uint64_t failed_after_sent = 0;  // requests that may have taken a number with them
  uint64_t unaccounted = 0;        // missing without such a request

  bool holds() const { return repeated == 0 && backwards == 0 && unaccounted == 0; }
  bool operator==(const CounterReport&) const = default;
};

class CounterLedger {
 public:
  // So that later calls need no memory.
  void expect(uint64_t answers) { numbers_.reserve(answers); }
  // What an answer must be above; to be asked for when its request is sent.
  uint64_t floor() const { return highest_; }
  // An answer. Says what is wrong with it, if it has no number or one that is not above `floor`.
  [[nodiscard]] std::optional<std::string> take(std::optional<uint64_t> number, uint64_t floor);
  // A request that was sent has got no number back.
  void lost() { ++lost_; }

  CounterReport report() const;

 private:
  std::vector<uint64_t> numbers_;
  uint64_t highest_ = 0, backwards_ = 0, lost_ = 0;
};

}  // namespace ferry::load
