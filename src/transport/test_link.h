// SPDX-License-Identifier: Apache-2.0
//
// For tests: deadlines that only a failure reaches, and what a link says when asked for a frame.
#pragma once

#include <string>

#include "base/error.h"
#include "transport/link.h"

namespace ferry::transport {

inline base::MonoTime soon() { return base::mono_now() + base::milliseconds(2000); }

inline std::string recv_error(Link& link) {
  Frame frame;
  try {
    const Io io = link.recv(frame, soon());
    return io == Io::kClosed ? "closed" : io == Io::kDone ? "done" : "timeout";
  } catch (const base::Error& error) {
    return error.what();
  }
}

}  // namespace ferry::transport
