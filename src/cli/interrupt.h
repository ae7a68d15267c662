// SPDX-License-Identifier: Apache-2.0
//
// Ctrl-C as a descriptor: SIGINT, SIGTERM, SIGHUP and SIGQUIT no longer end the program, they make fd() readable. One per process,
// made before any thread is.
#pragma once

#include "base/fd.h"

namespace ferry::cli {

class Interrupt {
 public:
  Interrupt();
  int fd() const { return fd_.get(); }
  bool has_come() const;

 private:
  base::Fd fd_;
};

void require_root(const char* verb);

}  // namespace ferry::cli
