// SPDX-License-Identifier: Apache-2.0
#include "faults/watch.h"

#include <algorithm>

namespace ferry::faults {
namespace {

constexpr base::milliseconds kInterval{3};  // a copy's log is there for 10 ms and more before the copy can run

}  // namespace

Watch::Watch(std::map<std::string, base::Path> directories) : ledger_(directories), grew_at_(base::mono_now()) {
  for (const auto& [host, directory] : directories) hosts_.push_back(host);
  thread_ = std::jthread([this](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      look();
      std::this_thread::sleep_for(kInterval);
    }
  });
}

void Watch::look() {
  const std::lock_guard lock(mutex_);
  ledger_.look();
  uint64_t total = 0;
  for (const auto& host : hosts_) total = std::max(total, ledger_.size_of(host, kLog));
  const auto now = base::mono_now();
  if (total != total_) {
    longest_standstill_ms_ = std::max(longest_standstill_ms_, base::ms_between(grew_at_, now));
    grew_at_ = now;
  }
  total_ = total;
}

void Watch::begin() {
  const std::lock_guard lock(mutex_);
  ledger_.forget();
  total_ = 0;
  grew_at_ = base::mono_now();
  longest_standstill_ms_ = 0;
}

std::vector<std::string> Watch::texts() const {
  const std::lock_guard lock(mutex_);
  return ledger_.texts();
}

std::string Watch::text_of(const std::string& host) const {
  const std::lock_guard lock(mutex_);
  return ledger_.text_of(host, kLog);
}

uint64_t Watch::size_on(const std::string& host) const {
  const std::lock_guard lock(mutex_);
  return ledger_.size_of(host, kLog);
}

double Watch::longest_standstill_ms() const {
  const std::lock_guard lock(mutex_);
  return longest_standstill_ms_;
}

}  // namespace ferry::faults
