// SPDX-License-Identifier: Apache-2.0
#include "kernel/pagemap_scan.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "base/error.h"

namespace ferry::kernel {
namespace {

// Regions per call: 96 KiB. Larger saves nothing, since the kernel fills it a few hundred at a time, and fresh memory costs.
constexpr size_t kRegionsPerCall = 4096;
// Pages protected per call: a call holds the task's mmap_lock, and 256 MiB take 3 ms.
constexpr uint64_t kProtectPerCall = 65536;

}  // namespace

std::optional<Pagemap> Pagemap::try_open(pid_t pid) {
  auto fd = base::try_open_file(fmt::format("/proc/{}/pagemap", pid), O_RDONLY);
  if (!fd) return std::nullopt;
  return Pagemap(std::move(*fd));
}

ScanEnd Pagemap::scan(AddressRange range, const PageQuery& query,
                      const std::function<void(const PageRegion&)>& found) const {
  thread_local std::vector<PageRegion> vector(kRegionsPerCall);
  PagemapScanArguments arguments;
  arguments.flags = (query.protect ? kScanProtectMatching : 0) |
                    (query.must_be_registered ? kScanCheckAsync : 0);
  arguments.end = range.end;
  arguments.vector = reinterpret_cast<uint64_t>(vector.data());
  arguments.vector_length = vector.size();
  arguments.category_inverted = query.inverted;
  arguments.category_mask = query.all;
  arguments.category_anyof_mask = query.any;
  arguments.return_mask = query.returned;
  arguments.max_pages = query.max_pages != 0 ? query.max_pages : query.protect ? kProtectPerCall : 0;
  for (uint64_t at = range.start; at < range.end; at = arguments.walk_end) {
    arguments.start = at;
    arguments.walk_end = 0;
    const int count = ::ioctl(fd_.get(), kPagemapScan, &arguments);
    if (count < 0) {
      if (errno == EPERM && query.must_be_registered) return ScanEnd::kNotRegistered;
      if (errno == ENOTTY || errno == EINVAL) return ScanEnd::kUnsupported;
      if (errno == ESRCH) return ScanEnd::kDone;  // gone: 6.18.44 says so, older ones find no pages
      throw base::SysError("ioctl PAGEMAP_SCAN", errno, "");
    }
    for (int i = 0; i < count; ++i) found(vector[i]);
    if (query.max_pages != 0) break;
    CHECK(arguments.walk_end > at);  // else this would never end
  }
  return ScanEnd::kDone;
}

size_t Pagemap::read_entries(uint64_t address, std::span<uint64_t> into) const {
  const auto offset = static_cast<off_t>(address / static_cast<uint64_t>(::getpagesize()) * 8);
  const ssize_t got = ::pread(fd_.get(), into.data(), into.size_bytes(), offset);
  if (got < 0) throw base::SysError("pread", errno, "from a pagemap");
  return static_cast<size_t>(got) / sizeof(uint64_t);
}

bool Pagemap::is_alive() const {
  uint64_t entry;
  return read_entries(0, {&entry, 1}) == 1;
}

}  // namespace ferry::kernel
