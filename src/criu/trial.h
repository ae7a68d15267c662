// SPDX-License-Identifier: Apache-2.0
//
// Whether CRIU on this host really leaves out the memory that it is not to see (hidden_memory.h).
// Another version may ask the kernel in another way, or call it past the library; then ferry must
// not rely on it. So a tiny task is dumped, and its images looked at.
#pragma once

#include <optional>
#include <string>

#include "base/fd.h"
#include "criu/installation.h"

namespace ferry::criu {

// Nothing when it does; else why not. Takes some 50 ms; a success is remembered in `memory` for
// this CRIU, library and kernel, and then it takes none. To be called early: the task that is
// dumped is a copy of the calling process.
std::optional<std::string> why_memory_cannot_be_hidden(
    const Installation& installation, const base::Path& memory = "/run/ferry/hides-memory");

}  // namespace ferry::criu
