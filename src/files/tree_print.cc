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

struct Sums {
  size_t prefix = 0;  // of the path of the tree
  uint64_t bytes = 0, entries = 0, hash = 0;
};
thread_local Sums* summed;  // nftw(3) passes nothing on

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

// In whatever order they come: the hashes are added up.
int add_entry(const char* path, const struct stat* info, int, FTW*) {
  auto line = fmt::format("{}\n{}", path + summed->prefix, owner_of(*info));
  if (S_ISREG(info->st_mode))
    line += fmt::format(" {} {}.{}", info->st_size, info->st_mtim.tv_sec, info->st_mtim.tv_nsec);
  if (S_ISLNK(info->st_mode)) {
    std::error_code gone;
    line += std::filesystem::read_symlink(path, gone).string();
  }
  ++summed->entries;
  summed->bytes += bytes_of(*info);
  summed->hash += hash_of(line);
  return 0;
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
  Sums sums{path.string().size()};
  summed = &sums;
  if (::nftw(path.c_str(), add_entry, kOpenAtOnce, FTW_PHYS | FTW_MOUNT) != 0) return std::nullopt;
  return TreePrint{sums.bytes, fmt::format("tree {} {:x}", sums.entries, sums.hash), true};
}

}  // namespace ferry::files
