// SPDX-License-Identifier: Apache-2.0
//
// Memory that must not be touched: whether touching it faults.
#pragma once

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

#include <cstdint>

// Guard regions: Linux 6.13.
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif

namespace tracee {

inline sigjmp_buf after_fault;

// Before the first question.
inline void catch_faults() {
  ::signal(SIGSEGV, [](int) { siglongjmp(after_fault, 1); });
}

template <class Touch>
bool faults(Touch touch) {
  if (sigsetjmp(after_fault, 1) != 0) return true;
  touch();
  return false;
}

inline bool faults_when_read(const volatile uint64_t& word) {
  return faults([&] { [[maybe_unused]] const uint64_t read = word; });
}

}  // namespace tracee
