// SPDX-License-Identifier: Apache-2.0
//
// Whether tasks that a dead CRIU has built ever ran. Until it lets them go they wait in its restorer, a blob in anonymous
// executable memory, on a futex in memory that they share with it (criu/pie/restorer.c: restore_finish_stage); a
// program's own futex call is made by a library, which is mapped from a file.
#pragma once

#include <sys/types.h>

#include <vector>

namespace ferry::criu {

enum class Progress {
  kNone,  // no task is there
  kHeld,  // all of them wait in the restorer, and nobody is left who could wake them
  kRan,
};
// Of tasks whose CRIU has gone. Takes some 50 ms.
Progress progress_of(const std::vector<pid_t>& pids);

}  // namespace ferry::criu
