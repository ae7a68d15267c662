// SPDX-License-Identifier: Apache-2.0
//
// Durations in buckets as HdrHistogram makes them: 1024 per power of two, so a value read back is
// never off by more than 0.1 %, from 1 ns to more than an hour, in a fixed 270 kB.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace ferry::load {

class Histogram {
 public:
  Histogram();

  // Below 0 counts as 0, above 73 minutes as 73 minutes.
  void record(int64_t value_ns, uint64_t times = 1);
  void merge(const Histogram& other);

  uint64_t count() const { return count_; }
  // The smallest value that at least the share `q` (0..1) of all recorded ones do not exceed. 0
  // when empty.
  int64_t quantile(double q) const;
  int64_t min() const { return count_ ? min_ : 0; }  // exact, as are max and mean
  int64_t max() const { return max_; }
  double mean() const;

  // The buckets that are not empty: (largest value of the bucket, count), ascending. With min, max
  // and sum this is all there is to know; `restore` is the way back.
  std::vector<std::pair<int64_t, uint64_t>> buckets() const;
  double sum() const { return sum_; }
  void restore(const std::vector<std::pair<int64_t, uint64_t>>& buckets, int64_t min, int64_t max,
               double sum);

 private:
  std::vector<uint64_t> counts_;
  uint64_t count_ = 0;
  int64_t min_, max_ = 0;
  double sum_ = 0;
};

}  // namespace ferry::load
