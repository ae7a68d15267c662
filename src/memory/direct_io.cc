// SPDX-License-Identifier: Apache-2.0
#include "memory/direct_io.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string_view>

#include "base/fd.h"
#include "kernel/procfs.h"

namespace ferry::memory {
namespace {

struct UnseenWriter {
  std::string_view prefix;
  const char* why;
};
constexpr std::array kKinds = {
    UnseenWriter{"anon_inode:[io_uring]", "it uses io_uring"},
    UnseenWriter{"anon_inode:[userfaultfd]", "it uses userfaultfd itself"},
    UnseenWriter{"/dev/vfio/", "it drives a device with vfio"},
    UnseenWriter{"/dev/infiniband/", "it uses RDMA"},
};

// Only what has a place in a file system can be open with O_DIRECT and matter; asking takes a second look-up.
bool is_direct(pid_t pid, const char* fd) {
  const auto info = base::try_read_file(fmt::format("/proc/{}/fdinfo/{}", pid, fd));
  const auto flags = info ? kernel::field_in(*info, "flags") : std::nullopt;
  return flags && (std::stoul(*flags, nullptr, 8) & O_DIRECT) != 0;
}

}  // namespace

DirectIo direct_io_of(pid_t pid) {
  DirectIo result;
  const std::unique_ptr<DIR, int (*)(DIR*)> files(::opendir(fmt::format("/proc/{}/fd", pid).c_str()), ::closedir);
  if (!files) return result;
  while (const dirent* entry = ::readdir(files.get())) {
    std::array<char, 256> buffer;
    const ssize_t length = ::readlinkat(::dirfd(files.get()), entry->d_name, buffer.data(), buffer.size());
    if (length <= 0) continue;
    const std::string_view target(buffer.data(), static_cast<size_t>(length));
    for (const UnseenWriter& kind : kKinds) {
      if (target.starts_with(kind.prefix)) result.untrackable = kind.why;
    }
    if (target.starts_with('/') && is_direct(pid, entry->d_name)) result.needs_frozen_scan = true;
  }
  return result;
}

}  // namespace ferry::memory
