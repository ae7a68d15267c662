// SPDX-License-Identifier: Apache-2.0
#include "criu/image_file.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cstring>

namespace ferry::criu {
namespace {

constexpr size_t kMagicBytes = 2 * sizeof(uint32_t);

}  // namespace

void throw_bad_image(const base::Path& path, const char* why) {
  throw base::Error({fmt::format("cannot read CRIU's image {}", path.filename().string()), why, "", {}, {}});
}

RawImage read_raw_image(const base::Path& path) {
  const auto content = base::try_read_file(path);
  if (!content) return {};
  if (content->size() < kMagicBytes) throw_bad_image(path, "it is too short");
  RawImage image{content->substr(0, kMagicBytes), {}};
  for (size_t at = kMagicBytes; at < content->size();) {
    uint32_t size = 0;
    if (content->size() - at < sizeof size) throw_bad_image(path, "it ends within a length");
    std::memcpy(&size, content->data() + at, sizeof size);
    at += sizeof size;
    if (content->size() - at < size) throw_bad_image(path, "it ends within an entry");
    image.entries.push_back(content->substr(at, size));
    at += size;
  }
  return image;
}

void write_raw_image(const base::Path& path, const RawImage& image) {
  std::string content = image.magic;
  for (const auto& entry : image.entries) {
    const auto size = static_cast<uint32_t>(entry.size());
    content.append(reinterpret_cast<const char*>(&size), sizeof size);
    content += entry;
  }
  base::write_full(base::open_file(path, O_WRONLY | O_TRUNC).get(), content);
}

}  // namespace ferry::criu
