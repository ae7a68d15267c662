// SPDX-License-Identifier: Apache-2.0
//
// System calls for what is loaded into CRIU, past the library: they touch no errno, so two processes that share one memory (and
// with it errno, see twin.h) can both make them.
#pragma once

#include <errno.h>

namespace ferry::criu {

// The system call itself, as syscall(2) makes it. Returns -errno on failure.
inline long raw_syscall(long number, const long* a) {
#if defined(__x86_64__)
  long result;
  register long r10 __asm__("r10") = a[3];
  register long r8 __asm__("r8") = a[4];
  register long r9 __asm__("r9") = a[5];
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a[0];
  register long x1 __asm__("x1") = a[1];
  register long x2 __asm__("x2") = a[2];
  register long x3 __asm__("x3") = a[3];
  register long x4 __asm__("x4") = a[4];
  register long x5 __asm__("x5") = a[5];
  __asm__ volatile("svc 0"
                   : "+r"(x0)
                   : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                   : "memory");
  return x0;
#else
#error "no system call instruction known for this architecture"
#endif
}

// The same with the arguments in place.
template <class... Words>
long raw(long number, Words... words) {
  const long arguments[6] = {(long)words...};
  return raw_syscall(number, arguments);
}

inline bool is_error(long result) {
  constexpr long kLowestError = -4095;
  return result < 0 && result >= kLowestError;
}

// For what stands in for a function of the library: as that would give it.
inline long with_errno(long result) {
  if (!is_error(result)) return result;
  errno = static_cast<int>(-result);
  return -1;
}

}  // namespace ferry::criu
