// SPDX-License-Identifier: Apache-2.0
//
// How a CRIU that restores gets memory that tasks share, which has come before: the library that it is loaded with asks for it on a
// socket in the directory of the images (shared_memory_preload.cc; migration/shared_arrival.h answers).
#pragma once

#include <cstddef>
#include <cstdint>

namespace ferry::criu {

// In the environment of a restoring CRIU: it asks.
inline constexpr const char* kSharedVariable = "FERRY_SHARED_MEMORY";
inline constexpr const char* kSharedSocket = "shared-memory.socket";  // SOCK_SEQPACKET, one question each

struct SharedQuestion {
  uint64_t inode;
};
enum class SharedAnswer : uint8_t {
  kNone,   // it has not come; what is in the images holds
  kTake,   // a memfd comes along: that is it
  kCopy,   // a memfd comes along: its content is to be copied, for CRIU's cgroup to be charged with it
};

// In that library: CRIU has mapped this.
void note_mapped_file(void* at, size_t bytes, int protection, int flags, int fd, int64_t offset);
// CRIU opens this path in this directory. Where that is the list of the pages of a shared memory, the memory that
// CRIU has just made and mapped for it is replaced, or filled. 0, or -errno when it should be and cannot.
long give_shared_memory(int directory, const char* path);

}  // namespace ferry::criu
