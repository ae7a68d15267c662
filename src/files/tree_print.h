// SPDX-License-Identifier: Apache-2.0
//
// How much a file or a tree of files is, and whether another host has the same one. Of a tree: by
// the kinds, owners, modes, sizes and times of all that is in it, as rsync tells files from each
// other; of a single file by its content instead of its time, since what is installed on two hosts
// was seldom written at the same moment.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/fd.h"

namespace ferry::files {

struct TreePrint {
  uint64_t bytes = 0;  // as it lies: holes count for nothing
  std::string text;    // equal texts: the same
  bool is_directory = false;
};

// Nothing: it is not there, or neither a regular file nor a directory (a symbolic link, say). Other
// filesystems mounted in it are no part of it.
std::optional<TreePrint> print_of(const base::Path& path);

}  // namespace ferry::files
