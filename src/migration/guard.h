// SPDX-License-Identifier: Apache-2.0
//
// A process of its own beside each ferry at work, which does nothing as long as that one lives. Its end without a word (SIGKILL, the OOM
// killer, a bug) wakes the guard, which then finishes the job as `ferry resolve` would. A guard that is killed too leaves its
// work to `ferry resolve`.
#pragma once

#include <string>

#include "base/subprocess.h"
#include "migration/journal.h"

namespace ferry::migration {

class Guard {
 public:
  // For the job of this process, whose journal exists. Throws SysError.
  Guard(Role role, const std::string& job);
  Guard(Guard&&) = default;
  Guard& operator=(Guard&&) = delete;
  ~Guard() { guard_.release(); }  // it lives on, and goes to work when this process has ended

  // All has been said and done: it ends.
  void dismiss() noexcept;

 private:
  base::Fd lifeline_;  // its end is the alarm
  base::Child guard_;
};

// The guard itself; `lifeline`: its end of the pipe. Tries for some minutes while the other host cannot be asked.
int run_guard(Role role, const std::string& job, int lifeline);

}  // namespace ferry::migration
