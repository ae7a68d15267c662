// SPDX-License-Identifier: Apache-2.0
#include "migration/image_sender.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/error.h"
#include "memory/page_set.h"
#include "migration/known_pages.h"

namespace ferry::migration {

namespace {

using memory::kPageBytes;

constexpr uint64_t kSmall = 16 << 10;        // costs more to announce than to send
constexpr uint64_t kBatchBytes = 256 << 10;
// A larger one has mostly pages that are not known, and its numbers would not go into one message.
constexpr uint64_t kMostByNumber = kMostKnownPages * kPageBytes;

// Whether an image of this name holds nothing but pages (criu/image-desc.c: pages-%u.img).
bool is_of_pages(const base::Path& image) { return image.filename().string().starts_with("pages-"); }

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

std::optional<uint32_t> ImageSender::number_of(const std::byte* page) {
  const auto hash = memory::hash_of_page(page);
  if (const auto found = known_.find(hash); found != known_.end()) return found->second;
  if (known_.size() < kMostKnownPages) known_.emplace(hash, static_cast<uint32_t>(known_.size()));
  return std::nullopt;
}

void ImageSender::send_ahead(std::span<const std::byte> pages) {
  std::vector<std::byte> news;
  for (size_t at = 0; at < pages.size() && known_.size() < kMostKnownPages; at += kPageBytes) {
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

void ImageSender::send(const std::vector<base::Path>& images, const Sent& sent) {
  wire::ToTarget message;
  auto& batch = *message.mutable_images()->mutable_images();
  uint64_t bytes = 0;
  const auto flush = [&] {
    if (batch.empty()) return;
    talk_.send(message);
    sent(bytes);
    batch.Clear();
    bytes = 0;
  };
  for (const auto& image : images) {
    const uint64_t size = std::filesystem::file_size(image);
    if (!known_.empty() && is_of_pages(image) && size <= kMostByNumber) {
      send_pages(image, sent);
    } else if (size > kSmall) {
      send(image, sent);
    } else {
      auto& one = *batch.Add();
      one.set_name(image.filename());
      one.set_content(base::read_file(image));
      bytes += size;
      if (bytes >= kBatchBytes) flush();
    }
  }
  flush();
}

void ImageSender::send(const base::Path& image, const Sent& sent) {
  wire::FileStart start;
  start.set_kind(wire::FileStart::IMAGE);
  start.set_path(image.filename());
  send_file(talk_, image.string(), std::move(start), sent);
}

void ImageSender::send_pages(const base::Path& image, const Sent& sent) {
  const Mapped mapped(image);
  const auto content = mapped.content();
  CHECK(content.size() % kPageBytes == 0);
  wire::FileStart start;
  start.set_kind(wire::FileStart::IMAGE);
  start.set_path(image.filename());
  start.set_size(content.size());
  for (size_t at = 0; at < content.size(); at += kPageBytes) {
    const auto number = number_of(content.data() + at);
    start.add_pages(number ? *number + 1 : 0);
  }
  send_start(talk_, start);
  const auto count = static_cast<size_t>(start.pages_size());
  for (size_t first = 0, end = 0; first < count; first = end + 1) {
    for (end = first; end < count && start.pages(static_cast<int>(end)) == 0;) ++end;
    send_content(talk_, content.subspan(first * kPageBytes, (end - first) * kPageBytes), [](uint64_t) {});
  }
  sent(content.size());
}

}  // namespace ferry::migration
