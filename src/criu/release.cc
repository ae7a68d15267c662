// SPDX-License-Identifier: Apache-2.0
#include "criu/release.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace ferry::criu {
namespace {

constexpr const char* kFile = "release";

void write_mark(const base::Fd& file, Release mark) {
  if (::pwrite(file.get(), &mark, sizeof mark, 0) != sizeof mark) throw base::SysError("pwrite", errno, kFile);
}

std::optional<Release> read_mark(const base::Fd& file) {
  Release mark;
  if (::pread(file.get(), &mark, sizeof mark, 0) != sizeof mark) return std::nullopt;
  return mark;
}

}  // namespace

ReleaseMark::ReleaseMark(const ImageSet& images)
    : path_(images.directory() / kFile), file_(base::open_file(path_, O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
  write_mark(file_, Release::kUnknown);
}

std::string ReleaseMark::setting() const { return fmt::format("{}={}", kReleaseVariable, path_.string()); }

void ReleaseMark::grant() const {
  if (read_mark(file_) != Release::kNotYet) {
    throw base::Error({"CRIU may not let the workload go", "it runs without ferry's library, by which it would be known whether it has", "install libferry-criu.so beside ferry", {}, {}});
  }
  write_mark(file_, Release::kGranted);
}

void ReleaseMark::require_whole() const {
  const auto mark = read_mark(file_);
  if (mark && *mark >= Release::kAmidst) return;
  throw base::Error({"CRIU may not let the workload go", "it has not said that the tasks outlive it", "report this, with the version of CRIU", {}, {}});
}

void ReleaseMark::take_back() const { write_mark(file_, Release::kAmidst); }

std::optional<Release> release_of(const std::string& job) {
  const auto file = base::try_open_file(ImageSet::path_of(job, kFile), O_RDONLY);
  return file ? read_mark(*file) : std::nullopt;
}

}  // namespace ferry::criu
