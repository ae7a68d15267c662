// SPDX-License-Identifier: Apache-2.0
//
// Looks at the census's logs on both hosts every few ms, on a thread of its own, during a whole trial.
#pragma once

#include <mutex>
#include <thread>

#include "base/clock.h"
#include "faults/ledger.h"

namespace ferry::faults {

class Watch {
 public:
  explicit Watch(std::map<std::string, base::Path> directories);

  // Forgets the last trial's files.
  void begin();
  std::vector<std::string> texts() const;
  std::string text_of(const std::string& host) const;
  uint64_t size_on(const std::string& host) const;
  // The longest time in which no log grew.
  double longest_standstill_ms() const;

  static constexpr const char* kLog = "log";

 private:
  void look();
  std::vector<std::string> hosts_;
  mutable std::mutex mutex_;
  Ledger ledger_;
  uint64_t total_ = 0;
  base::MonoTime grew_at_;
  double longest_standstill_ms_ = 0;
  std::jthread thread_;
};

}  // namespace ferry::faults
