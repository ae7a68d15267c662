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

bool holds_pages(const base::Path& image) {
  const auto bytes = std::filesystem::file_size(image);
  return image.filename().string().starts_with("pages-") && bytes >= kLargeImage &&
         bytes % kPageBytes == 0;
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
    send_start(talk_, std::move(start));
    send_content(talk_, unknown, [](uint64_t) {});
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
  if (known_.size() > 0 && holds_pages(image)) {
    const MappedFile mapped(image);
    const auto runs = known_.runs_of(mapped.content());
    if (runs.size() <= kMostRuns) return send_runs(std::move(start), mapped.content(), runs, sent);
  }
  (void)send_file(talk_, image.string(), std::move(start), sent);
}

void SharedCopy::send_runs(wire::FileStart start, std::span<const std::byte> content,
                           const std::vector<memory::PageRun>& runs,
                           const std::function<void(uint64_t bytes)>& sent) {
  start.set_size(content.size());
  for (const auto& run : runs) {
    start.add_runs(run.known);
    start.add_runs(run.count);
  }
  send_start(talk_, std::move(start));
  for (const auto& run : runs) {
    const auto part = content.first(run.count * kPageBytes);
    if (run.known == memory::PageRun::kUnknown) {
      send_content(talk_, part, sent);
    } else {
      sent(part.size());
    }
    content = content.subspan(part.size());
  }
}

}  // namespace ferry::migration
