// SPDX-License-Identifier: Apache-2.0
#include "migration/image_pages.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/error.h"
#include "memory/page_set.h"

namespace ferry::migration {

namespace {

using memory::kPageBytes;

// A file, mapped to be read.
class Mapped {
 public:
  explicit Mapped(const base::Path& path) {
    const auto file = base::open_file(path, O_RDONLY);
    struct stat info {};
    if (::fstat(file.get(), &info) < 0) throw base::SysError("fstat", errno, path.string());
    bytes_ = static_cast<size_t>(info.st_size);
    if (bytes_ == 0) return;
    at_ = ::mmap(nullptr, bytes_, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file.get(), 0);
    if (at_ == MAP_FAILED) throw base::SysError("mmap", errno, path.string());
  }
  ~Mapped() {
    if (at_ != nullptr) ::munmap(at_, bytes_);
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;
  std::span<const std::byte> content() const { return {static_cast<const std::byte*>(at_), bytes_}; }

 private:
  void* at_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace

std::optional<uint32_t> ImagePages::number_of(const std::byte* page) {
  const auto hash = memory::hash_of_page(page);
  if (const auto found = known_.find(hash); found != known_.end()) return found->second;
  if (known_.size() < kMostImagePages) known_.emplace(hash, static_cast<uint32_t>(known_.size()));
  return std::nullopt;
}

void ImagePages::send_ahead(std::span<const std::byte> pages) {
  std::vector<std::byte> news;
  for (size_t at = 0; at < pages.size() && known_.size() < kMostImagePages; at += kPageBytes) {
    const auto page = pages.subspan(at, kPageBytes);
    if (!number_of(page.data())) news.insert(news.end(), page.begin(), page.end());
  }
  if (news.empty()) return;
  wire::FileStart start;
  start.set_kind(wire::FileStart::PAGES);
  start.set_size(news.size());
  send_start(talk_, std::move(start));
  send_content(talk_, news, [this](uint64_t bytes) { pace_.wait(bytes); });
}

void ImagePages::send_image(const base::Path& file, const std::function<void(uint64_t bytes)>& sent) {
  const Mapped image(file);
  const auto content = image.content();
  CHECK(content.size() % kPageBytes == 0);
  wire::FileStart start;
  start.set_kind(wire::FileStart::IMAGE);
  start.set_path(file.filename());
  start.set_size(content.size());
  std::vector<std::byte> news;
  for (size_t at = 0; at < content.size(); at += kPageBytes) {
    const auto page = content.subspan(at, kPageBytes);
    const auto number = number_of(page.data());
    start.add_pages(number ? *number + 1 : 0);
    if (!number) news.insert(news.end(), page.begin(), page.end());
  }
  send_start(talk_, std::move(start));
  send_content(talk_, news, [](uint64_t) {});
  sent(content.size());
}

void KnownPages::add(std::span<const std::byte> pages) {
  if (pages.size() % kPageBytes != 0) throw BrokenProtocol("half a page");
  for (size_t at = 0; at < pages.size() && pages_.size() < kMostImagePages; at += kPageBytes) {
    const auto page = pages.subspan(at, kPageBytes);
    pages_.emplace_back(page.begin(), page.end());
  }
}

std::span<const std::byte> KnownPages::at(uint32_t number) const {
  if (number >= pages_.size()) throw BrokenProtocol("a page of an image that has not come");
  return pages_[number];
}

}  // namespace ferry::migration
