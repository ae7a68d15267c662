// SPDX-License-Identifier: Apache-2.0
#include "migration/incoming.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "base/error.h"
#include "memory/page_set.h"
#include "migration/conversation.h"

namespace ferry::migration {

namespace {

using memory::kPageBytes;

constexpr size_t kMostPieces = 1024;  // IOV_MAX

// To a file, which takes all of it or fails.
void write_pieces(int file, const std::vector<iovec>& pieces) {
  size_t bytes = 0;
  for (const iovec& piece : pieces) bytes += piece.iov_len;
  const ssize_t put = ::writev(file, pieces.data(), static_cast<int>(pieces.size()));
  if (put != static_cast<ssize_t>(bytes)) throw base::SysError("writev", put < 0 ? errno : ENOSPC, "of an image");
}

}  // namespace

Incoming::Arrival& Incoming::arrival(const std::string& path) {
  if (!path.starts_with('/')) throw BrokenProtocol("an open file without an absolute path");
  const auto found = arrivals_.find(path);
  if (found != arrivals_.end()) return found->second;
  staging_(path, 0);
  auto& coming = arrivals_.emplace(path, Arrival{files::StagedFile(path, job_), {}}).first->second;
  staging_(path, coming.staged.inode());
  return coming;
}

void Incoming::require_complete() const {
  if (!is_complete()) throw BrokenProtocol(fmt::format("{} ended {} bytes early", current_.path(), left_));
}

void Incoming::expect(const std::string& path) { arrival(path); }

void Incoming::begin(const wire::FileStart& file) {
  require_complete();
  if (file.kept_prefix() > file.size()) throw BrokenProtocol("a file is shorter than its beginning");
  current_ = file;
  left_ = file.size() - file.kept_prefix();
  if (file.kind() == wire::FileStart::SHARED) {
    places_.clear();
    shared_file_ = shared_.begin(file.shared(), places_);
    std::ranges::reverse(places_);
    uint64_t sum = 0;
    for (const auto& place : places_) sum += place.bytes;
    if (sum != left_) throw BrokenProtocol("shared memory of another length than its pages have");
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
  if (file.kind() != wire::FileStart::PAGES) begin_image(file);
}

base::Fd Incoming::make_image(const std::string& name) {
  const bool plain = !name.empty() && name.find('/') == std::string::npos && name[0] != '.';
  if (!plain) throw BrokenProtocol(fmt::format("\"{}\" is no image's name", name));
  image_names_.push_back(name);
  return base::open_file(images_ / name, O_WRONLY | O_CREAT | O_EXCL, 0600);
}

void Incoming::take(const wire::Images& images) {
  require_complete();
  for (const auto& image : images.images()) base::write_full(make_image(image.name()).get(), std::string_view(image.content()));
}

void Incoming::begin_image(const wire::FileStart& file) {
  image_ = make_image(file.path());
  image_pages_.assign(file.pages().rbegin(), file.pages().rend());
  if (image_pages_.empty()) return;
  if (image_pages_.size() * kPageBytes != file.size()) throw BrokenProtocol("an image of another length than its pages");
  left_ = static_cast<uint64_t>(std::ranges::count(image_pages_, 0u)) * kPageBytes;
  put_known_pages();
}

// Up to the next one that comes.
void Incoming::put_known_pages() {
  std::vector<iovec> some;
  const auto put = [&] {
    if (!some.empty()) write_pieces(image_.get(), some);
    some.clear();
  };
  for (; !image_pages_.empty() && image_pages_.back() != 0; image_pages_.pop_back()) {
    const auto page = known_pages_.at(image_pages_.back() - 1);
    some.push_back({const_cast<std::byte*>(page.data()), page.size()});
    if (some.size() == kMostPieces) put();
  }
  put();
}

void Incoming::put_image(std::span<const std::byte> data) {
  if (image_pages_.empty()) return base::write_full(image_.get(), data);
  known_pages_.add(data);
  for (; !data.empty(); data = data.subspan(kPageBytes)) {
    base::write_full(image_.get(), data.first(kPageBytes));
    image_pages_.pop_back();
    put_known_pages();
  }
}

void Incoming::put_shared(std::span<const std::byte> data) {
  while (!data.empty()) {
    auto& place = places_.back();
    const auto part = data.first(std::min<uint64_t>(data.size(), place.bytes));
    const auto put = ::pwrite(shared_file_, part.data(), part.size(), static_cast<off_t>(place.offset));
    if (put <= 0) throw base::SysError("pwrite", put < 0 ? errno : EIO, "of shared memory");
    const auto bytes = static_cast<uint64_t>(put);
    place = {place.offset + bytes, place.bytes - bytes};
    if (place.bytes == 0) places_.pop_back();
    data = data.subspan(bytes);
  }
}

void Incoming::take(std::span<const std::byte> data) {
  if (data.size() > left_) throw BrokenProtocol("more data than was announced");
  switch (current_.kind()) {
    case wire::FileStart::CARRIED: arrival(current_.path()).staged.append(data); break;
    case wire::FileStart::SHARED: put_shared(data); break;
    case wire::FileStart::PAGES: known_pages_.add(data); break;
    default: put_image(data);
  }
  left_ -= data.size();
}

// Which there are differs from dump to dump, and CRIU takes what it finds.
void Incoming::forget_images() {
  require_complete();
  image_.reset();
  for (const auto& name : std::exchange(image_names_, {})) std::filesystem::remove(images_ / name);
}

void Incoming::install(const std::vector<std::string>& own) {
  // What was gone at the source before it could be sent.
  std::erase_if(arrivals_, [](const auto& coming) { return coming.second.header.path().empty(); });
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
