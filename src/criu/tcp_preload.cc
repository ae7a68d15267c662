// SPDX-License-Identifier: Apache-2.0
//
// Loaded into the criu process only, as limits_preload.cc is.
//
// A TCP socket that is restored connects without a peer, so the kernel reckons with the smallest segments that every peer takes (536
// bytes) until CRIU tells it what had been agreed on (TCP_REPAIR_OPTIONS). Linux up to 6.18 remembers that and goes on with the segments
// it has reckoned with, until the path's MTU changes: for good, usually. Setting the IP options that the socket has anyway (none)
// makes it reckon anew (net/ipv4/ip_sockglue.c: icsk_sync_mss), before the socket's queue is filled.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "criu/raw_syscall.h"

extern "C" __attribute__((visibility("default"))) int setsockopt(int socket, int level, int option, const void* value,
                                                                 socklen_t size) noexcept {
  using ferry::criu::raw;
  const long result = ferry::criu::with_errno(raw(SYS_setsockopt, socket, level, option, value, size));
  if (result < 0) return -1;
  if (level == IPPROTO_TCP && option == TCP_REPAIR_OPTIONS) raw(SYS_setsockopt, socket, IPPROTO_IP, IP_OPTIONS, nullptr, 0);
  return static_cast<int>(result);
}
