// SPDX-License-Identifier: Apache-2.0
#include "files/tree_print.h"

#include <fmt/format.h>
#include <ftw.h>
#include <sys/stat.h>

#include <algorithm>
#include <span>

#include "files/fingerprint.h"
#include "files/staged.h"

namespace ferry::files {
namespace {

constexpr int kOpenAtOnce = 64;       // directories
constexpr uint64_t kDiskBlock = 512;  // unit of st_blocks
constexpr int kAttempts = 5;          // at a tree that changes

struct Walk {
  const std::function<bool(const char* path, const struct stat* info)>& look;
  dev_t device;  // of directories that are on its filesystem
};
thread_local const Walk* walked;  // nftw(3) passes nothing on

int look_at_entry(const char* path, const struct stat* info, int type, FTW*) {
  const bool is_known = type != FTW_NS && type != FTW_DNR;
  if (is_known && S_ISDIR(info->st_mode) && info->st_dev != walked->device) return FTW_SKIP_SUBTREE;
  return walked->look(path, is_known ? info : nullptr) ? FTW_CONTINUE : FTW_STOP;
}

uint64_t bytes_of(const struct stat& info) {
  if (!S_ISREG(info.st_mode)) return 0;
  return std::min(static_cast<uint64_t>(info.st_size),
                  static_cast<uint64_t>(info.st_blocks) * kDiskBlock);
}

uint64_t hash_of(const std::string& text) {
  Hasher hasher;
  hasher.add(std::as_bytes(std::span(text)));
  return hasher.digest();
}

std::string owner_of(const struct stat& info) {
  return fmt::format("{:o} {} {}", info.st_mode, info.st_uid, info.st_gid);
}

// `name`: below the tree.
std::string line_of(const std::string& name, const char* path, const struct stat& info) {
  auto line = fmt::format("{}\n{}", name, owner_of(info));
  if (S_ISREG(info.st_mode))
    line += fmt::format(" {} {}.{}", info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
  if (S_ISLNK(info.st_mode)) {
    std::error_code gone;
    line += std::filesystem::read_symlink(path, gone).string();
  }
  return line;
}

std::optional<TreePrint> print_of_file(const base::Path& path, const struct stat& info) {
  const auto content = fingerprint_of(path);
  if (!content) return std::nullopt;
  return TreePrint{bytes_of(info),
                   fmt::format("file {} {} {} {:x}", owner_of(info), content->size,
                               content->build_id, content->sample_hash),
                   false};
}

}  // namespace

std::optional<TreePrint> print_of(const base::Path& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) < 0) return std::nullopt;
  if (S_ISREG(info.st_mode)) return print_of_file(path, info);
  if (!S_ISDIR(info.st_mode)) return std::nullopt;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    uint64_t bytes = 0, entries = 0, sum = 0;  // of the hashes, in whatever order they come
    const bool is_whole = walk_tree(path, [&](const char* at, const struct stat* found) {
      if (found == nullptr) return true;
      ++entries;
      bytes += bytes_of(*found);
      sum += hash_of(line_of(at + path.string().size(), at, *found));
      return true;
    });
    if (is_whole) return TreePrint{bytes, fmt::format("tree {} {:x}", entries, sum), true};
  }
  return std::nullopt;
}

bool walk_tree(const base::Path& path,
               const std::function<bool(const char* path, const struct stat* info)>& look) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) < 0) return false;
  const Walk walk{look, info.st_dev};
  walked = &walk;
  return ::nftw(path.c_str(), look_at_entry, kOpenAtOnce, FTW_PHYS | FTW_ACTIONRETVAL) == 0;
}

}  // namespace ferry::files
