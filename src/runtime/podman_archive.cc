// SPDX-License-Identifier: Apache-2.0
//
// What ferry changes in podman's archive of a checkpoint: a tar file, in which there is only the
// container's definition (podman.h).
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "base/error.h"
#include "runtime/podman.h"

namespace ferry::runtime {

namespace {

// POSIX ustar: offsets and sizes in the header of a file.
constexpr size_t kTarBlock = 512;
constexpr size_t kNameBytes = 100, kModeAt = 100, kSizeAt = 124, kSizeBytes = 12, kSumAt = 148,
                 kSumBytes = 8, kTypeAt = 156, kMagicAt = 257;
using TarHeader = std::array<char, kTarBlock>;

struct TarFile {
  std::string name;
  off_t content = 0;
  size_t bytes = 0;

  off_t end() const {
    return content + static_cast<off_t>((bytes + kTarBlock - 1) / kTarBlock * kTarBlock);
  }
};

// Of a file that is not larger than 8 GiB. Nothing: the archive ends there.
std::optional<TarFile> tar_file_at(int archive, off_t at) {
  TarHeader header{};
  if (::pread(archive, header.data(), kTarBlock, at) != kTarBlock || header[0] == 0) return {};
  const std::string_view text(header.data(), kTarBlock);
  if (text.substr(kMagicAt, 5) != "ustar") throw base::SysError("read", EBADMSG, "a tar archive");
  const std::string octal(text.substr(kSizeAt, kSizeBytes));
  return TarFile{std::string(text.substr(0, std::min(text.find('\0'), kNameBytes))),
                 at + static_cast<off_t>(kTarBlock), std::strtoull(octal.c_str(), nullptr, 8)};
}

void put_text(TarHeader& header, size_t at, std::string_view text) {
  std::ranges::copy(text, header.begin() + static_cast<ptrdiff_t>(at));
}

// A small file of root's.
std::string tar_file_text(std::string_view name, std::string_view content) {
  TarHeader header{};
  put_text(header, 0, name);
  put_text(header, kModeAt, "0000600");
  put_text(header, kSizeAt, fmt::format("{:011o}", content.size()));
  put_text(header, kTypeAt, "0");
  put_text(header, kMagicAt, std::string_view("ustar\00000", 8));
  put_text(header, kSumAt, std::string(kSumBytes, ' '));
  const unsigned sum = std::accumulate(header.begin(), header.end(), 0u);
  put_text(header, kSumAt, fmt::format("{:06o}", sum));  // ended by a blank
  std::string text(header.begin(), header.end());
  text += content;
  text.resize((text.size() + kTarBlock - 1) / kTarBlock * kTarBlock);
  return text;
}

void write_at(int file, std::string_view text, off_t at, const base::Path& path) {
  if (::pwrite(file, text.data(), text.size(), at) != static_cast<ssize_t>(text.size()))
    throw base::SysError("pwrite", errno, path.string());
}

}  // namespace

// podman would insist on the very address and MAC that it has here, and fail where somebody has
// them. What it cannot read it leaves at that (libpod/container_internal_common.go: restore), and
// those that the container was given (--ip) are in its configuration.
void Podman::forget_addresses(const base::Path& archive) const {
  const auto file = base::open_file(archive, O_RDWR);
  off_t at = 0;
  while (const auto found = tar_file_at(file.get(), at)) {
    at = found->end();
    if (found->name != kNetworkStatus) continue;
    write_at(file.get(), std::string(found->bytes, ' '), found->content, archive);
    return;
  }
}

// The list of the files that the container has removed is the last that podman reads before it
// calls its supervisor (libpod/container_internal_common.go: restore, of 4.3 and 5.8); all that it
// makes is made by then. What it cannot read ends it there.
void Podman::make_import_stop(const base::Path& archive) const {
  const auto file = base::open_file(archive, O_RDWR);
  off_t end = 0;
  while (const auto found = tar_file_at(file.get(), end)) end = found->end();
  const std::string last_blocks(2 * kTarBlock, '\0');
  write_at(file.get(), tar_file_text(kDeletedFiles, "ferry: this import ends here\n") + last_blocks,
           end, archive);
}

}  // namespace ferry::runtime
