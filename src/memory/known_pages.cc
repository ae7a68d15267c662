// SPDX-License-Identifier: Apache-2.0
#include "memory/known_pages.h"

#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/error.h"
#include "memory/page_reader.h"

namespace ferry::memory {

KnownPages::Hash KnownPages::hash_of(const std::byte* page) {
  const auto hash = XXH3_128bits(page, kPageBytes);
  return {hash.low64, hash.high64};
}

bool KnownPages::add(std::span<const std::byte, kPageBytes> page) {
  CHECK(numbers_.size() < PageRun::kZero - 1);
  return numbers_.emplace(hash_of(page.data()), static_cast<uint32_t>(numbers_.size())).second;
}

uint32_t KnownPages::name_of(const std::byte* page) const {
  if (is_zero(page, kPageBytes)) return PageRun::kZero;
  const auto found = numbers_.find(hash_of(page));
  return found == numbers_.end() ? PageRun::kUnknown : found->second + 1;
}

std::vector<PageRun> KnownPages::runs_of(std::span<const std::byte> content) const {
  std::vector<PageRun> runs;
  for (size_t at = 0; at + kPageBytes <= content.size(); at += kPageBytes) {
    const uint32_t known = name_of(content.data() + at);
    const bool is_alone = known == PageRun::kUnknown || known == PageRun::kZero;
    const bool continues =
        !runs.empty() && (is_alone ? runs.back().known == known
                                   : runs.back().known != PageRun::kUnknown &&
                                         runs.back().known + runs.back().count == known);
    if (continues) {
      ++runs.back().count;
    } else {
      runs.push_back({known, 1});
    }
  }
  return runs;
}

PageShelf::PageShelf() : fd_(::memfd_create("ferry-pages", MFD_CLOEXEC)) {
  if (!fd_) throw base::SysError("memfd_create", errno, "");
}

void PageShelf::append(std::span<const std::byte> pages) {
  base::write_full(fd_.get(), pages);
  bytes_ += pages.size();
}

bool PageShelf::write(const PageRun& run, int fd, uint64_t offset) const {
  auto at = static_cast<off_t>((run.known - uint64_t{1}) * kPageBytes);
  uint64_t left = run.count * kPageBytes;
  if (run.known == PageRun::kUnknown || run.known == PageRun::kZero) return false;
  if (static_cast<uint64_t>(at) + left > bytes_) return false;
  if (::lseek(fd, static_cast<off_t>(offset), SEEK_SET) < 0)
    throw base::SysError("lseek", errno, "");
  while (left > 0) {
    const auto copied = ::sendfile(fd, fd_.get(), &at, left);
    if (copied < 0 && errno == EINTR) continue;
    if (copied <= 0) throw base::SysError("sendfile", copied < 0 ? errno : EIO, "");
    left -= static_cast<uint64_t>(copied);
  }
  return true;
}

}  // namespace ferry::memory
