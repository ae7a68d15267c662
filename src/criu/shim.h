// SPDX-License-Identifier: Apache-2.0
//
// What an engine executes as `criu`: ferry by another name (engine_call.h has the whole of it).
#pragma once

#include "base/fd.h"

namespace ferry::criu {

// argv[0] says so.
bool is_called_as_criu(const char* program);
// Becomes the real CRIU; returns (an exit code) only when there is none, or when a ferry refuses the call.
int run_shim(int argc, char** argv);

// That file is a shim, of whichever ferry.
bool is_shim(const base::Path& program);

// A link to this ferry, as people call it, in the place of whatever link is there. False: it is there already.
bool link_to_ferry(const base::Path& place);

// `ferry engine setup`, `undo`: the shim where an engine that runs already looks first. Throw Error (refused) when
// something else is there; false: nothing was to be done.
inline constexpr const char* kShimPlace = "/usr/local/sbin/criu";
bool place_shim();
bool remove_shim();

}  // namespace ferry::criu
