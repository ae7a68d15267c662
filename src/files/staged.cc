// SPDX-License-Identifier: Apache-2.0
#include "files/staged.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <memory>
#include <vector>

#include "base/error.h"
#include "base/log.h"

namespace ferry::files {

using base::SysError;

namespace {

namespace fs = std::filesystem;
constexpr size_t kChunk = 256 * 1024;

base::Path staged_path(const base::Path& path, const std::string& job) { return path.string() + ".ferry-" + job; }
base::Path saved_path(const base::Path& path, const std::string& job) { return staged_path(path, job).string() + ".old"; }

}  // namespace

Hasher::Hasher() : state_(XXH3_createState(), &XXH3_freeState) { XXH3_64bits_reset(state_.get()); }
void Hasher::add(std::span<const std::byte> data) { XXH3_64bits_update(state_.get(), data.data(), data.size()); }
uint64_t Hasher::digest() const { return XXH3_64bits_digest(state_.get()); }

std::optional<uint64_t> hash_prefix(const base::Path& path, uint64_t bytes) {
  const auto fd = base::try_open_file(path, O_RDONLY);
  if (!fd) return std::nullopt;
  Hasher hasher;
  std::vector<std::byte> chunk(kChunk);
  while (bytes > 0) {
    const auto want = std::min<uint64_t>(bytes, chunk.size());
    const size_t got = base::read_full(fd->get(), std::span(chunk).first(want));
    if (got < want) return std::nullopt;
    hasher.add(std::span(chunk).first(got));
    bytes -= got;
  }
  return hasher.digest();
}

StagedFile::StagedFile(base::Path path, const std::string& job)
    : path_(std::move(path)), staged_(staged_path(path_, job)), saved_(saved_path(path_, job)) {
  if (!fs::is_directory(path_.parent_path())) {
    base::refuse(fmt::format("cannot take the open file {}", path_.string()), "its directory is not there",
                 fmt::format("mkdir -p {}", path_.parent_path().string()));
  }
  fd_ = base::open_file(staged_, O_RDWR | O_CREAT | O_TRUNC, 0600);
}

StagedFile::~StagedFile() {
  if (staged_.empty() || kept_) return;  // moved from, or done
  std::error_code ignored;
  if (installed_) fs::remove(path_, ignored);
  if (replaced_) fs::rename(saved_, path_, ignored);
  fs::remove(staged_, ignored);
}

void StagedFile::begin(uint64_t kept_prefix) {
  if (::ftruncate(fd_.get(), static_cast<off_t>(kept_prefix)) < 0) throw SysError("ftruncate", errno, staged_.string());
  if (::lseek(fd_.get(), 0, SEEK_END) < 0) throw SysError("lseek", errno, staged_.string());
}

void StagedFile::append(std::span<const std::byte> data) { base::write_full(fd_.get(), data); }

void StagedFile::become_fifo() {
  if (fifo_) return;
  fs::remove(staged_);
  if (::mkfifo(staged_.c_str(), 0600) < 0) throw SysError("mkfifo", errno, staged_.string());
  fd_ = base::open_file(staged_, O_PATH);  // not open: nobody is to see a reader or a writer
  fifo_ = true;
}

void StagedFile::refuse_overwriting(uint64_t size) const {
  const uint64_t there = fs::is_regular_file(path_) ? fs::file_size(path_) : UINT64_MAX;
  if (!fifo_ && there <= size && hash_prefix(path_, there) == hash_prefix(staged_, there)) return;
  base::refuse(fmt::format("will not overwrite {}", path_.string()),
               "the workload has it open for writing, and another file is there already",
               "move that one away, or start the workload with another path");
}

void StagedFile::install(uint64_t size, const Attributes& attributes, bool may_replace) {
  if (!fifo_ && fs::file_size(staged_) != size) {
    throw base::Error({fmt::format("the open file {} arrived incomplete", path_.string()),
                       fmt::format("{} of {} bytes", fs::file_size(staged_), size), "", {}, {}});
  }
  if (fifo_ && fs::is_fifo(path_)) {
    fs::remove(staged_);
    return;
  }
  const bool exists = fs::exists(path_);
  if (exists && !may_replace) refuse_overwriting(size);
  if (::chown(staged_.c_str(), attributes.uid, attributes.gid) < 0 || ::chmod(staged_.c_str(), attributes.mode) < 0) {
    throw SysError("chown", errno, staged_.string());
  }
  const timespec mtime{attributes.mtime_ns / 1'000'000'000, attributes.mtime_ns % 1'000'000'000};
  const timespec times[2] = {mtime, mtime};
  ::utimensat(AT_FDCWD, staged_.c_str(), times, 0);
  if (exists) {
    fs::rename(path_, saved_);
    replaced_ = true;
  }
  fs::rename(staged_, path_);
  installed_ = true;
}

void StagedFile::keep() {
  kept_ = true;
  if (!fifo_ && ::fsync(fd_.get()) < 0) base::log("fsync {}: {}", path_.string(), errno);  // the source's copy will be gone
  std::error_code ignored;
  if (replaced_) fs::remove(saved_, ignored);
}

uint64_t StagedFile::inode() const {
  struct stat info {};
  if (::fstat(fd_.get(), &info) < 0) throw SysError("fstat", errno, staged_.string());
  return info.st_ino;
}

void StagedFile::take_back(const base::Path& path, const std::string& job, uint64_t inode) {
  const auto saved = saved_path(path, job);
  struct stat there {};
  const bool exists = ::stat(path.c_str(), &there) == 0;
  const bool installed = exists && inode != 0 && there.st_ino == inode;
  std::error_code ignored;
  if (fs::exists(saved) && (installed || !exists)) {
    fs::rename(saved, path, ignored);
  } else if (installed) {
    fs::remove(path, ignored);
  }
  fs::remove(staged_path(path, job), ignored);
}

void StagedFile::keep(const base::Path& path, const std::string& job) {
  std::error_code ignored;
  fs::remove(saved_path(path, job), ignored);
}

}  // namespace ferry::files
