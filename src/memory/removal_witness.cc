// SPDX-License-Identifier: Apache-2.0
#include "memory/removal_witness.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace ferry::memory {

namespace {

#ifndef MADV_POPULATE_READ
constexpr int MADV_POPULATE_READ = 22;  // include/uapi/asm-generic/mman-common.h, Linux 5.14
#endif

}  // namespace

std::optional<RemovalWitness> RemovalWitness::try_make(int file, uint64_t bytes) {
  auto pagemap = kernel::Pagemap::try_open(::getpid());
  if (!pagemap) return std::nullopt;
  void* at = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED | MAP_NORESERVE, file, 0);
  if (at == MAP_FAILED) return std::nullopt;
  ::madvise(at, bytes, MADV_DONTFORK);  // a program that is started meanwhile is not to have it
  return RemovalWitness(std::move(*pagemap), reinterpret_cast<uint64_t>(at), pages_around({0, bytes}).end);
}

RemovalWitness::RemovalWitness(RemovalWitness&& other) noexcept
    : pagemap_(std::move(other.pagemap_)), start_(other.start_), bytes_(std::exchange(other.bytes_, 0)) {}

RemovalWitness::~RemovalWitness() {
  if (bytes_ > 0) ::munmap(reinterpret_cast<void*>(start_), bytes_);
}

bool RemovalWitness::watch(const PageSet& pages) {
  return std::ranges::all_of(pages, [&](const AddressRange& range) {
    return range.end <= bytes_ && ::madvise(reinterpret_cast<void*>(start_ + range.start), range.bytes(), MADV_POPULATE_READ) == 0;
  });
}

PageSet RemovalWitness::there(const PageSet& pages) const {
  kernel::PageQuery query;
  query.all = query.returned = kernel::kPageIsPresent;
  PageSet there;
  const auto end = pagemap_.scan({start_, start_ + bytes_}, query, [&](const kernel::PageRegion& region) {
    there.insert({region.start - start_, region.end - start_});
  });
  return end == kernel::ScanEnd::kDone ? there.intersection(pages) : PageSet();
}

}  // namespace ferry::memory
