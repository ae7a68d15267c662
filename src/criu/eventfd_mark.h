// SPDX-License-Identifier: Apache-2.0
//
// CRIU 4.2 does not record that an eventfd is a semaphore (EFD_SEMAPHORE), and nothing can make one of it later. So the count in the
// image says it, and ferry's library in the restoring CRIU, which creates the eventfd, takes it from there. CRIU passes 32 bits of the
// count on, and a count so high does not move (process/blockers_kernel_objects.cc).
#pragma once

#include <cstdint>

namespace ferry::criu {

inline constexpr uint32_t kSemaphoreMark = 1u << 31;

}  // namespace ferry::criu
