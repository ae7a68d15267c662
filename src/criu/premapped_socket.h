// SPDX-License-Identifier: Apache-2.0
//
// The filler's side of premapped_place.h.
#pragma once

#include <optional>

#include "base/fd.h"
#include "memory/premapped.h"

namespace ferry::criu {

// Must exist before the restore begins.
base::Fd listen_premapped(const base::Path& work_directory);
// Does not block. Nothing: nobody has said anything, or what came is not understood.
std::optional<memory::Premapping> receive_premapping(int socket);

}  // namespace ferry::criu
