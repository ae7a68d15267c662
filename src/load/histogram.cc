// SPDX-License-Identifier: Apache-2.0
#include "load/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace ferry::load {
namespace {

constexpr int kHalfBits = 10;  // 1024 buckets per power of two: better than 3 significant digits
constexpr int64_t kHalf = int64_t{1} << kHalfBits;
constexpr int kValueBits = 42;  // 2^42 ns = 73 minutes
constexpr int64_t kLargest = (int64_t{1} << kValueBits) - 1;
constexpr size_t kBuckets = static_cast<size_t>((kValueBits - kHalfBits + 1) * kHalf);

// Values below 2048 have a bucket each; above, each power of two is cut into 1024.
size_t bucket_of(int64_t value) {
  const int shift =
      std::max(0, static_cast<int>(std::bit_width(static_cast<uint64_t>(value))) - (kHalfBits + 1));
  return static_cast<size_t>(shift * kHalf + (value >> shift));
}

int64_t largest_in(size_t bucket) {
  const auto index = static_cast<int64_t>(bucket);
  if (index < 2 * kHalf) return index;
  const int64_t shift = index / kHalf - 1;
  return ((index - shift * kHalf + 1) << shift) - 1;
}

int64_t in_range(int64_t value) { return std::clamp<int64_t>(value, 0, kLargest); }

}  // namespace

Histogram::Histogram() : counts_(kBuckets), min_(kLargest) {}

void Histogram::record(int64_t value_ns, uint64_t times) {
  if (times == 0) return;
  const int64_t value = in_range(value_ns);
  counts_[bucket_of(value)] += times;
  count_ += times;
  min_ = std::min(min_, value);
  max_ = std::max(max_, value);
  sum_ += static_cast<double>(value) * static_cast<double>(times);
}

void Histogram::merge(const Histogram& other) {
  for (size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
}

int64_t Histogram::quantile(double q) const {
  if (count_ == 0) return 0;
  const double wanted = std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(count_));
  const uint64_t rank = std::clamp<uint64_t>(static_cast<uint64_t>(wanted), 1, count_);
  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    seen += counts_[i];
    if (seen >= rank) return std::clamp(largest_in(i), min_, max_);
  }
  return max_;
}

double Histogram::mean() const { return count_ ? sum_ / static_cast<double>(count_) : 0; }

std::vector<std::pair<int64_t, uint64_t>> Histogram::buckets() const {
  std::vector<std::pair<int64_t, uint64_t>> filled;
  for (size_t i = 0; i < kBuckets; ++i) {
    if (counts_[i]) filled.emplace_back(largest_in(i), counts_[i]);
  }
  return filled;
}

void Histogram::restore(const std::vector<std::pair<int64_t, uint64_t>>& buckets, int64_t min,
                        int64_t max, double sum) {
  *this = Histogram();
  for (const auto& [value, times] : buckets) record(value, times);
  if (count_ == 0) return;
  min_ = in_range(min);
  max_ = in_range(max);
  sum_ = sum;
}

}  // namespace ferry::load
