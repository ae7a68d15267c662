// SPDX-License-Identifier: Apache-2.0
//
// What has changed in a tree of files since a moment, by the times of what is in it. A name that
// comes, goes or is another's changes its directory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"

namespace ferry::files {

// Paths below the tree: "./base/7"; "./" is all of it.
struct TreeChanges {
  // Files, and directories with whatever is below them: one may have been renamed, and nothing in
  // it says so.
  std::vector<std::string> paths;
  // Of the files those whose time of writing (mtime) may be that of an earlier content.
  std::vector<std::string> alike;
};

// In nanoseconds, by the time of day. `seen_until_ns`: until when what is known elsewhere of these
// files was read.
TreeChanges changes_since(const base::Path& tree, int64_t since_ns, int64_t seen_until_ns);

}  // namespace ferry::files
