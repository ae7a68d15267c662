// SPDX-License-Identifier: Apache-2.0
//
// Being in front of a program: it gets the signals that are meant for it, we get its exit code.
#pragma once

#include "base/fd.h"
#include "base/subprocess.h"

namespace ferry::lab {

// Takes the signals from the caller's process for as long as it lives. Made before the child is started, so that none
// is lost; a child that is started with base::spawn has them with their defaults again.
class Foreground {
 public:
  Foreground();
  ~Foreground();
  Foreground(const Foreground&) = delete;
  Foreground& operator=(const Foreground&) = delete;

  // Until the child has ended: passes signals on. A signal that the terminal sent has reached the child already,
  // because it is in our process group. Returns its exit code (128 + signal). When `ends` becomes readable or is
  // closed meanwhile (-1: none), the child gets SIGTERM, and SIGKILL a while later.
  int wait_for(base::Child& child, int ends = -1);

 private:
  void pass_on(const base::Child& child);
  base::Fd signals_;
};

}  // namespace ferry::lab
