// SPDX-License-Identifier: Apache-2.0
//
// The check on hidden_memory.h after the dump: whether CRIU has seen any of the memory that it
// would not restore itself.
#pragma once

#include <optional>
#include <string>

#include "base/fd.h"

namespace ferry::criu {

// CRIU marks pages that can come on demand (images/pagemap.proto: PE_LAZY), and a restore on demand
// leaves them out though they are in the images. Nothing when there is no such page; else which:
// ferry does not know of that memory, and whoever needs it would read zeros. To be asked before
// such a restore, with the images of all tasks there.
std::optional<std::string> pages_nobody_restores(const base::Path& images);

}  // namespace ferry::criu
