// SPDX-License-Identifier: Apache-2.0
#include "load/counter.h"

#include <fmt/format.h>

#include <algorithm>

namespace ferry::load {

std::optional<std::string> CounterLedger::take(std::optional<uint64_t> number, uint64_t floor) {
  if (!number) {
    lost();  // the service may have counted all the same
    return "the answer is no number of a counter";
  }
  numbers_.push_back(*number);
  highest_ = std::max(highest_, *number);
  if (*number > floor) return std::nullopt;
  ++backwards_;
  return fmt::format("counted {} after {} had been answered", *number, floor);
}

CounterReport CounterLedger::report() const {
  CounterReport report{
      .received = numbers_.size(), .backwards = backwards_, .failed_after_sent = lost_};
  if (numbers_.empty()) return report;
  std::vector<uint64_t> sorted = numbers_;
  std::sort(sorted.begin(), sorted.end());
  const auto distinct = std::unique(sorted.begin(), sorted.end()) - sorted.begin();
  report.first = sorted.front();
  report.last = highest_;
  report.repeated = sorted.size() - static_cast<uint64_t>(distinct);
  report.missing = report.last - report.first + 1 - static_cast<uint64_t>(distinct);
  report.unaccounted = report.missing > lost_ ? report.missing - lost_ : 0;
  return report;
}

}  // namespace ferry::load
