// SPDX-License-Identifier: Apache-2.0
#include "migration/incoming.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/error.h"
#include "migration/conversation.h"

namespace ferry::migration {

Incoming::Arrival& Incoming::arrival(const std::string& path) {
  if (!path.starts_with('/')) throw BrokenProtocol("an open file without an absolute path");
  const auto found = arrivals_.find(path);
  if (found != arrivals_.end()) return found->second;
  staging_(path, 0);
  auto& coming = arrivals_.emplace(path, Arrival{files::StagedFile(path, job_), {}}).first->second;
  staging_(path, coming.staged.inode());
  return coming;
}

void Incoming::expect(const std::string& path) { arrival(path); }

void Incoming::begin(const wire::FileStart& file) {
  if (!is_complete()) throw BrokenProtocol(fmt::format("{} ended {} bytes early", current_.path(), left_));
  if (file.kept_prefix() > file.size()) throw BrokenProtocol("a file is shorter than its beginning");
  current_ = file;
  left_ = file.size() - file.kept_prefix();
  if (file.kind() == wire::FileStart::PAGES) {
    if (left_ % memory::kPageBytes != 0) throw BrokenProtocol("pages that are not whole");
    if (!shelf_) shelf_.emplace();
    return;
  }
  if (file.kind() == wire::FileStart::CARRIED) {
    auto& coming = arrival(file.path());  // perhaps not in the plan: opened since
    coming.header = file;
    if (!S_ISFIFO(file.mode())) return coming.staged.begin(file.kept_prefix());
    if (file.size() != 0) throw BrokenProtocol("a FIFO with a content");
    coming.staged.become_fifo();
    staging_(file.path(), coming.staged.inode());  // another one by now
    return;
  }
  const bool plain = !file.path().empty() && file.path().find('/') == std::string::npos && file.path()[0] != '.';
  if (!plain) throw BrokenProtocol(fmt::format("\"{}\" is no image's name", file.path()));
  image_ = base::open_file(images_ / file.path(), O_WRONLY | O_CREAT | O_EXCL, 0600);
  image_names_.push_back(file.path());
  begin_image(file);
}

// What of it is known is in it at once; the rest comes.
void Incoming::begin_image(const wire::FileStart& file) {
  gaps_.clear();
  if (file.runs().empty()) return gaps_.push_back({0, left_});
  if (::ftruncate(image_.get(), static_cast<off_t>(file.size())) < 0) throw base::SysError("ftruncate", errno, file.path());
  uint64_t at = 0;
  left_ = 0;
  for (int i = 0; i + 1 < file.runs_size(); i += 2) {
    const memory::PageRun run{file.runs(i), file.runs(i + 1)};
    const uint64_t bytes = run.count * memory::kPageBytes;
    if (at + bytes > file.size()) throw BrokenProtocol("more pages than the image has");
    if (run.known == memory::PageRun::kUnknown) {
      gaps_.push_back({at, bytes});
      left_ += bytes;
    } else if (run.known != memory::PageRun::kZero && !(shelf_ && shelf_->write(run, image_.get(), at))) {
      throw BrokenProtocol("an image of pages that have not come");
    }
    at += bytes;
  }
  if (at != file.size()) throw BrokenProtocol("an image that its pages do not fill");
}

void Incoming::fill_gap(std::span<const std::byte> data) {
  while (!data.empty()) {
    auto& gap = gaps_.front();
    const auto part = data.first(std::min<uint64_t>(data.size(), gap.bytes));
    if (::lseek(image_.get(), static_cast<off_t>(gap.offset), SEEK_SET) < 0) throw base::SysError("lseek", errno, current_.path());
    base::write_full(image_.get(), part);
    gap = {gap.offset + part.size(), gap.bytes - part.size()};
    if (gap.bytes == 0) gaps_.pop_front();
    data = data.subspan(part.size());
  }
}

void Incoming::take(std::span<const std::byte> data) {
  if (data.size() > left_) throw BrokenProtocol("more data than was announced");
  switch (current_.kind()) {
    case wire::FileStart::CARRIED: arrival(current_.path()).staged.append(data); break;
    case wire::FileStart::PAGES: shelf_->append(data); break;
    default: fill_gap(data);
  }
  left_ -= data.size();
}

// Which there are differs from dump to dump, and CRIU takes what it finds.
void Incoming::forget_images() {
  if (!is_complete()) throw BrokenProtocol(fmt::format("{} ended {} bytes early", current_.path(), left_));
  image_.reset();
  for (const auto& name : std::exchange(image_names_, {})) std::filesystem::remove(images_ / name);
}

void Incoming::install(const std::vector<std::string>& own) {
  shelf_.reset();  // no image comes any more
  for (auto& [path, coming] : arrivals_) {
    const auto& header = coming.header;
    coming.staged.install(header.size(), {header.mode() & 07777, header.uid(), header.gid(), header.mtime_ns()},
                          std::ranges::find(own, path) != own.end());
  }
}

void Incoming::keep() {
  for (auto& [path, coming] : arrivals_) coming.staged.keep();
}

}  // namespace ferry::migration
