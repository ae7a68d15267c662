// SPDX-License-Identifier: Apache-2.0
//
// Loaded into the criu process only, as limits_preload.cc is: creates the eventfds that are marked in the image as the semaphores
// that they were.
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "criu/eventfd_mark.h"

extern "C" __attribute__((visibility("default"))) int eventfd(unsigned int count, int flags) noexcept {
  using ferry::criu::kSemaphoreMark;
  if ((count & kSemaphoreMark) != 0) flags |= EFD_SEMAPHORE;
  return static_cast<int>(syscall(SYS_eventfd2, count & ~kSemaphoreMark, flags));
}
