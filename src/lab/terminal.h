// SPDX-License-Identifier: Apache-2.0
//
// A terminal for a program in a host. The caller's own terminal belongs to the machine (its device and its process
// groups are not to be seen from a host), so the program gets one of the host's, and what is typed and printed is
// carried between the two.
#pragma once

#include <termios.h>

#include <thread>

#include "base/fd.h"

namespace ferry::lab {

class Terminal {
 public:
  // True when standard input and output are both a terminal.
  static bool is_wanted();

  // In the host's mount namespace: takes a pseudo-terminal of the host's and sets the caller's to raw mode.
  Terminal();
  ~Terminal();  // what has been printed until then is carried; the caller's terminal is as before
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  int program_end() const { return slave_.get(); }
  // In the child, the leader of a session of its own: makes it the controlling terminal.
  static void take_over();
  // When the program has been started: begins to carry.
  void carry();

 private:
  void run();
  void copy_size();
  bool copy_output();

  base::Fd master_, slave_, stop_, resized_;
  termios before_{};
  std::thread carrier_;
};

}  // namespace ferry::lab
