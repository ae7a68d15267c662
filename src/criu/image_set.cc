// SPDX-License-Identifier: Apache-2.0
#include "criu/image_set.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>

#include "base/units.h"
#include "criu/session.h"

namespace ferry::criu {

namespace fs = std::filesystem;

namespace {

const base::Path kTmpfs = "/dev/shm";
const base::Path kKeptLogs = "/var/lib/ferry/logs";
// CRIU's images besides the memory: some 100 KiB for a small process, a few MiB for a thousand threads.
constexpr uint64_t kStateBytes = 16u << 20;

std::string keep_log_of(const base::Path& directory, const char* name, const std::string& job) {
  std::error_code error;
  fs::create_directories(kKeptLogs, error);
  const auto kept = kKeptLogs / (job + "." + name);
  fs::copy_file(directory / name, kept, fs::copy_options::overwrite_existing, error);
  return error ? "" : kept.string();
}

}  // namespace

ImageSet::Place ImageSet::place_of(const std::string& job) {
  return {kTmpfs / ("ferry-" + job), kTmpfs / ("ferry-" + job + ".link")};
}

void ImageSet::remove(const Place& place) {
  std::error_code ignored;
  fs::remove(place.link, ignored);
  fs::remove_all(place.directory, ignored);
}

void ImageSet::sweep(const std::string& job) {
  const Place place = place_of(job);
  for (const char* log : {kDumpLog, kRestoreLog}) keep_log_of(place.directory, log, job);
  remove(place);
}

base::Path ImageSet::log_of(const std::string& job, const char* name) { return place_of(job).directory / name; }

std::optional<base::Explanation> ImageSet::lack_of_room(uint64_t bytes) {
  struct statvfs room {};
  if (::statvfs(kTmpfs.c_str(), &room) < 0) throw base::SysError("statvfs", errno, kTmpfs.string());
  const uint64_t free_bytes = uint64_t{room.f_bavail} * room.f_frsize;
  if (free_bytes >= bytes + kStateBytes) return std::nullopt;
  return base::Explanation{"not enough room for the images of the workload",
                           fmt::format("{} has {} free, {} are needed", kTmpfs.string(), base::format_bytes(free_bytes),
                                       base::format_bytes(bytes + kStateBytes)),
                           fmt::format("free some, or enlarge it: mount -o remount,size=… {}", kTmpfs.string()), {}, {}};
}

ImageSet::ImageSet(const std::string& job, uint64_t bytes)
    : directory_(place_of(job).directory), link_(place_of(job).link) {
  if (const auto lack = lack_of_room(bytes)) throw base::Error(*lack, base::Exit::kRefused);
  if (::mkdir(directory_.c_str(), 0700) < 0) throw base::SysError("mkdir", errno, directory_.string());
  fs::create_directory_symlink(directory_, link_);
}

ImageSet::~ImageSet() { remove({directory_, link_}); }

std::vector<base::Path> ImageSet::files_to_send() const {
  std::vector<base::Path> files;
  for (const auto& entry : fs::directory_iterator(directory_)) {
    const std::string name = entry.path().filename();
    if (name.ends_with(".img") && name != "timens-0.img") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

std::string ImageSet::keep_log(const char* name, const std::string& job) const { return keep_log_of(directory_, name, job); }

}  // namespace ferry::criu
