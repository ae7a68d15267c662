// SPDX-License-Identifier: Apache-2.0
#include "criu/image_set.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

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
constexpr size_t kKeptLogsAtMost = 100;  // some 100 KiB each

void forget_old_logs() {
  std::error_code error;
  std::vector<std::pair<fs::file_time_type, base::Path>> logs;
  for (const auto& entry : fs::directory_iterator(kKeptLogs, error)) {
    if (entry.path().extension() == ".log") logs.emplace_back(entry.last_write_time(error), entry.path());
  }
  if (logs.size() <= kKeptLogsAtMost) return;
  std::ranges::sort(logs);
  logs.resize(logs.size() - kKeptLogsAtMost);
  for (const auto& [time, path] : logs) fs::remove(path, error);
}

bool append_line(const base::Path& log, const std::string& why) {
  const auto fd = base::try_open_file(log, O_WRONLY | O_CREAT | O_APPEND);
  const std::string line = fmt::format("ferry: {}\n", why);
  return fd && ::write(fd->get(), line.data(), line.size()) == static_cast<ssize_t>(line.size());
}

std::string keep_log_of(const base::Path& directory, const char* name, const std::string& job, const std::string& why = {}) {
  std::error_code error;
  fs::create_directories(kKeptLogs, error);
  const auto kept = kKeptLogs / (job + "." + name);
  // Into the log itself: CRIU may go on writing, and the log be kept once more.
  const bool noted = why.empty() || append_line(directory / name, why);
  fs::copy_file(directory / name, kept, fs::copy_options::overwrite_existing, error);
  const bool is_there = noted ? !error : append_line(kept, why);  // where its tmpfs is full
  forget_old_logs();
  return is_there ? kept.string() : "";
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

base::Path ImageSet::path_of(const std::string& job, const char* name) { return place_of(job).directory / name; }

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

ImageSet::~ImageSet() {
  if (!directory_.empty()) remove({directory_, link_});
}

std::vector<base::Path> ImageSet::files_to_send(Of kind) const {
  std::vector<base::Path> files;
  for (const auto& entry : fs::directory_iterator(directory_)) {
    const std::string name = entry.path().filename();
    if (!name.ends_with(".img") || (kind == Of::kCapsule && name == "timens-0.img")) continue;
    files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

void ImageSet::clear() const {
  for (const auto& entry : fs::directory_iterator(directory_)) fs::remove(entry.path());
}

base::Fd ImageSet::open_log(const char* name) const {
  return base::open_file(directory_ / name, O_WRONLY | O_CREAT | O_APPEND, 0600);
}

std::string ImageSet::keep_log(const char* name, const std::string& job, const std::string& why) const {
  return keep_log_of(directory_, name, job, why);
}

}  // namespace ferry::criu
