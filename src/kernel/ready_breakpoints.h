// SPDX-License-Identifier: Apache-2.0
//
// A host on which nobody uses perf events waits for a grace period of RCU, some 15 ms, when the first one is made (kernel/events/core.c: account_event).
// The breakpoint registers of a traced task (ptrace(2), PTRACE_POKEUSER), by which CRIU stops its tasks where their own code begins, are such
// events. While this object lives there is one already.
#pragma once

#include "base/fd.h"

namespace ferry::kernel {

class ReadyBreakpoints {
 public:
  // Makes one of this thread that counts nothing. Where it may not, breakpoints are as slow as ever.
  ReadyBreakpoints();

 private:
  base::Fd event_;
};

}  // namespace ferry::kernel
