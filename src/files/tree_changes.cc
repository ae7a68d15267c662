// SPDX-License-Identifier: Apache-2.0
#include "files/tree_changes.h"

#include "files/tree_print.h"

namespace ferry::files {

namespace {

int64_t ns_of(const timespec& time) { return time.tv_sec * int64_t{1'000'000'000} + time.tv_nsec; }

}  // namespace

TreeChanges changes_since(const base::Path& tree, int64_t since_ns, int64_t seen_until_ns) {
  TreeChanges changes;
  const size_t above = tree.string().size();
  const bool is_whole = walk_tree(tree, [&](const char* path, const struct stat* info) {
    if (info == nullptr) return false;
    if (ns_of(info->st_ctim) < since_ns) return true;
    const std::string below = path + above;  // "", "/base/7"
    changes.paths.push_back(below.empty() ? "./" : "." + below);
    if (S_ISREG(info->st_mode) && ns_of(info->st_mtim) < seen_until_ns)
      changes.alike.push_back("." + below);
    return true;
  });
  if (!is_whole) changes.paths = {"./"};
  return changes;
}

}  // namespace ferry::files
