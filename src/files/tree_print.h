// SPDX-License-Identifier: Apache-2.0
//
// How much a file or a tree of files is, and whether another host has the same one. Of a tree: by
// the kinds, owners, modes, sizes and times of all that is in it, as rsync tells files from each
// other; of a single file by its content instead of its time, since what is installed on two hosts
// was seldom written at the same moment.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
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

// All that is in a tree, itself included, or a single file, in any order, until `look` says no:
// then false, also when the tree changes so fast that it cannot be followed. No `info`: it has gone
// meanwhile, or cannot be read. (nftw(3) would leave out files of an overlay, whose device may be
// another one than that of their directory.)
bool walk_tree(const base::Path& path,
               const std::function<bool(const char* path, const struct stat* info)>& look);

}  // namespace ferry::files
