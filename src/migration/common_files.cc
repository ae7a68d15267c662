// SPDX-License-Identifier: Apache-2.0
#include "migration/common_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <optional>

#include "base/error.h"
#include "base/fault.h"
#include "process/watches.h"

namespace ferry::migration {

namespace {

// statfs(2). Two hosts that see one of these are on one kernel, which has but one page cache; all others may write back late.
constexpr std::array<unsigned long, 6> kLocal = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, TMPFS_MAGIC, OVERLAYFS_SUPER_MAGIC, F2FS_SUPER_MAGIC};

std::string random_name() {
  std::array<uint64_t, 2> number{};
  if (::getrandom(number.data(), sizeof number, 0) != sizeof number) throw base::SysError("getrandom", errno, "");
  return fmt::format(".ferry-{:016x}{:016x}", number[0], number[1]);
}

std::string directory_of(const std::string& path) { return base::Path(path).parent_path().string(); }

// Nothing: there is no such regular file.
std::optional<struct stat> regular_file(const base::Path& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) < 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  return info;
}

bool may_write_back_late(int file) {
  struct statfs system {};
  if (::fstatfs(file, &system) < 0) return true;
  return base::fault_due("source.storage", "remote") || std::ranges::find(kLocal, static_cast<unsigned long>(system.f_type)) == kLocal.end();
}

}  // namespace

StorageMarks::StorageMarks(const process::View& view, const std::vector<std::string>& files, const std::function<void(const std::string& path)>& making)
    : name_(random_name()) {
  std::set<std::string> directories;
  for (const auto& path : files) {
    if (regular_file(process::reachable(view.tree.root, path))) directories.insert(directory_of(path));
  }
  if (directories.empty()) return;
  const auto watched = process::watched_paths(view);
  for (const auto& directory : directories) {
    if (std::ranges::find(watched, directory) != watched.end()) continue;
    auto opened = base::try_open_file(process::reachable(view.tree.root, directory), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!opened) continue;
    std::error_code gone;
    const auto here = std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", opened->get()), gone);
    making((here / name_).string());
    const base::Fd made(::openat(opened->get(), name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (made) marks_.push_back({directory, std::move(*opened)});  // else its files travel
  }
}

StorageMarks::~StorageMarks() {
  for (const auto& mark : marks_) ::unlinkat(mark.opened.get(), name_.c_str(), 0);
}

void StorageMarks::describe(wire::Requirements& needed) const {
  for (const auto& mark : marks_) {
    auto& told = *needed.add_marks();
    told.set_directory(mark.directory);
    told.set_name(name_);
  }
}

std::set<std::string> common_files(const wire::Requirements& needed) {
  std::set<std::string> marked, common;
  for (const auto& mark : needed.marks()) {
    if (mark.name().find('/') == std::string::npos && regular_file(base::Path(mark.directory()) / mark.name())) marked.insert(mark.directory());
  }
  for (const auto& coming : needed.carried()) {
    if (!marked.contains(directory_of(coming.path()))) continue;
    const auto here = regular_file(coming.path());
    const bool is_writable = ::access(coming.path().c_str(), W_OK) == 0;  // not where it is mounted to be read only
    if (here && here->st_ino == coming.inode() && is_writable) common.insert(coming.path());
  }
  return common;
}

void CommonFiles::learn(pid_t root, const google::protobuf::RepeatedPtrField<std::string>& present, std::vector<std::string>& files) {
  root_ = root;
  for (const auto& path : present) {
    const auto here = regular_file(process::reachable(root_, path));
    if (!here || std::ranges::find(files, path) == files.end()) continue;
    files_.insert(path);
    directories_.emplace(directory_of(path), here->st_dev);
  }
  std::ranges::copy_if(files, std::inserter(others_, others_.end()), [&](const std::string& path) { return !files_.contains(path); });
  leave_out(files);
}

void CommonFiles::leave_out(std::vector<std::string>& files) {
  std::erase_if(files, [&](const std::string& path) {
    if (files_.contains(path)) return true;
    if (others_.contains(path)) return false;
    const auto directory = directories_.find(directory_of(path));
    if (directory == directories_.end()) return false;
    const auto here = regular_file(process::reachable(root_, path));
    if (!here || here->st_dev != directory->second) return false;
    files_.insert(path);
    return true;
  });
}

void CommonFiles::write_back() const {
  for (const auto& path : files_) {
    const auto file = base::try_open_file(process::reachable(root_, path), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (!file) continue;  // removed since
    if (may_write_back_late(file->get()) && ::fdatasync(file->get()) < 0) throw base::SysError("fdatasync", errno, path);
  }
}

}  // namespace ferry::migration
