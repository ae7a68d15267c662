// SPDX-License-Identifier: Apache-2.0
//
// What a move of one workload and that of all have in common: how it is told while it goes, and
// what is said of it afterwards. Progress and failures go to stderr, results to stdout.
#pragma once

#include <string>

#include "base/error.h"
#include "migration/events.h"

namespace ferry::cli {

// To stderr, unless nobody takes it.
void say(const std::string& text);

// On a terminal one line that is written over; elsewhere a line per phase.
class ProgressPrinter {
 public:
  explicit ProgressPrinter(bool quiet);

  migration::Observer observer();  // which must not outlive this
  void clear();

 private:
  void show(const std::string& detail);
  bool quiet_, terminal_;
  std::string phase_;
};

// "web runs on west now: frozen 24.0 ms, moved in 540.2 ms"
std::string moved_text(const migration::Report& report);
// Of one that has not moved.
void say_failure(const migration::Report& report);

base::Exit exit_of(const std::string& result);

}  // namespace ferry::cli
