// SPDX-License-Identifier: Apache-2.0
//
// What a tree watches through inotify: the kernel tells file handles only (fdinfo), a restore needs the paths.
#pragma once

#include <string>
#include <vector>

#include "process/view.h"

namespace ferry::process {

// Those whose path can be found; needs CAP_DAC_READ_SEARCH, and a filesystem that can decode its handles.
std::vector<std::string> watched_paths(const View& view);

}  // namespace ferry::process
