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
  const bool plain = !file.path().empty() && file.path().find('/') == std::string::npos && file.path()[0] != '.';
  if (!plain) throw BrokenProtocol(fmt::format("\"{}\" is no image's name", file.path()));
  image_ = base::open_file(images_ / file.path(), O_WRONLY | O_CREAT | O_EXCL, 0600);
  image_names_.push_back(file.path());
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
    default: base::write_full(image_.get(), data);
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
