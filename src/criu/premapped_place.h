// SPDX-License-Identifier: Apache-2.0
//
// How a task that CRIU restores on demand says where its memory is being built (memory/premapped_areas.h): the library that CRIU is
// loaded with sends two descriptors to a socket in the directory of the images (premapped_preload.cc; premapped_socket.h hears it).
#pragma once

#include <cstddef>
#include <cstdint>

namespace ferry::criu {

inline constexpr const char* kPremappedSocket = "premapped.socket";  // SOCK_DGRAM

// Comes with the descriptors: of a memfd of PremappedAreas, and of a userfaultfd with which the areas are registered, for
// UFFDIO_COPY alone: whoever touches them does not wait.
struct PremappedMessage {
  int32_t pid;  // as the workload sees it
};

// In that library. CRIU opens this path in this directory: where it is the list of a task's pages, its areas are about to be made.
void begin_premapping(int directory, const char* path);
// CRIU has mapped this. premapped_image.h says why areas have an offset.
// `is_prepared`: it is from the reserve (reserve_place.h).
void note_premapped(void* at, size_t bytes, int flags, int64_t offset, bool is_prepared);
// CRIU has moved an area that the task has inherited from its parent.
void note_inherited(const void* from, void* at, size_t bytes);
// CRIU is about to move the areas to their places. From now on nothing is put there.
void end_premapping();

}  // namespace ferry::criu
