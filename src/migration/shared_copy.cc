// SPDX-License-Identifier: Apache-2.0
#include "migration/shared_copy.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/error.h"
#include "memory/page_reader.h"
#include "memory/shared_memory.h"

namespace ferry::migration {

namespace {

constexpr uint64_t kPageBytes = memory::kPageBytes;
constexpr size_t kDataChunk = 64 << 10;
// Below that, to look costs more than to send.
constexpr uint64_t kLargeImage = 256 << 10;
// What names them must fit into one message, and into the pause.
constexpr size_t kMostRuns = 100'000;

class MappedFile {
 public:
  explicit MappedFile(const base::Path& path) {
    const auto fd = base::open_file(path, O_RDONLY);
    struct stat info {};
    if (::fstat(fd.get(), &info) < 0) throw base::SysError("fstat", errno, path.string());
    bytes_ = static_cast<size_t>(info.st_size);
    if (bytes_ == 0) return;
    at_ = ::mmap(nullptr, bytes_, PROT_READ, MAP_SHARED | MAP_POPULATE, fd.get(), 0);
    if (at_ == MAP_FAILED) throw base::SysError("mmap", errno, path.string());
  }
  ~MappedFile() {
    if (bytes_ > 0) ::munmap(at_, bytes_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::span<const std::byte> content() const { return {static_cast<std::byte*>(at_), bytes_}; }

 private:
  void* at_ = nullptr;
  size_t bytes_ = 0;
};

void send_in_chunks(Conversation& talk, std::span<const std::byte> data,
                    const std::function<void(uint64_t bytes)>& sent) {
  while (!data.empty()) {
    const auto part = data.first(std::min(data.size(), kDataChunk));
    talk.send_data(part);
    sent(part.size());
    data = data.subspan(part.size());
  }
}

void announce(Conversation& talk, wire::FileStart start) {
  wire::ToTarget message;
  *message.mutable_file() = std::move(start);
  talk.send(message);
}

bool holds_pages(const base::Path& image) {
  return image.filename().string().starts_with("pages-") &&
         std::filesystem::file_size(image) >= kLargeImage;
}

}  // namespace

void SharedCopy::send_new(const std::vector<pid_t>& pids, const std::function<void()>& meanwhile) {
  bytes_ = 0;
  std::vector<std::byte> unknown;
  const auto flush = [&] {
    if (unknown.empty()) return;
    pace_.wait(unknown.size());
    wire::FileStart start;
    start.set_kind(wire::FileStart::PAGES);
    start.set_size(unknown.size());
    announce(talk_, std::move(start));
    send_in_chunks(talk_, unknown, [](uint64_t) {});
    unknown.clear();
  };
  for (const auto& shared : memory::shared_memory_of(pids)) {
    memory::read_shared(shared, [&](std::span<const std::byte> pages) {
      meanwhile();
      bytes_ += pages.size();
      for (; !pages.empty(); pages = pages.subspan(kPageBytes)) {
        const auto page = pages.first<kPageBytes>();
        if (!memory::is_zero(page.data(), kPageBytes) && known_.add(page))
          unknown.insert(unknown.end(), page.begin(), page.end());
      }
      flush();
    });
  }
}

void SharedCopy::send_image(const base::Path& image,
                            const std::function<void(uint64_t bytes)>& sent) {
  wire::FileStart start;
  start.set_kind(wire::FileStart::IMAGE);
  start.set_path(image.filename().string());
  if (known_.size() == 0 || !holds_pages(image))
    return (void)send_file(talk_, image.string(), std::move(start), sent);
  const MappedFile mapped(image);
  const auto content = mapped.content();
  const auto runs = known_.runs_of(content);
  if (runs.size() > kMostRuns || content.size() % kPageBytes != 0)
    return (void)send_file(talk_, image.string(), std::move(start), sent);
  start.set_size(content.size());
  for (const auto& run : runs) {
    start.add_runs(run.known);
    start.add_runs(run.count);
  }
  announce(talk_, std::move(start));
  size_t at = 0;
  for (const auto& run : runs) {
    const auto part = content.subspan(at, run.count * kPageBytes);
    if (run.known == memory::PageRun::kUnknown) {
      send_in_chunks(talk_, part, sent);
    } else {
      sent(part.size());
    }
    at += part.size();
  }
}

}  // namespace ferry::migration
