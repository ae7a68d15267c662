// SPDX-License-Identifier: Apache-2.0
//
// One of CRIU's image files (criu/image.c, criu/protobuf.c): two magic numbers, then entries, each a 32-bit length and a protobuf
// message of that length. Not for the images with raw data behind an entry (pipes, ghost files).
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "criu/images.pb.h"

namespace ferry::criu {

struct RawImage {
  std::string magic;
  std::vector<std::string> entries;
};
// A file that is not there has no entries: CRIU leaves out what is empty. Throws Error when it is not of that form.
RawImage read_raw_image(const base::Path& path);
void write_raw_image(const base::Path& path, const RawImage& image);
[[noreturn]] void throw_bad_image(const base::Path& path, const char* why);

template <class Message>
class ImageFile {
 public:
  explicit ImageFile(base::Path path) : path_(std::move(path)) {
    auto raw = read_raw_image(path_);
    magic_ = std::move(raw.magic);
    for (const auto& bytes : raw.entries) {
      if (!entries.emplace_back().ParseFromString(bytes)) throw_bad_image(path_, "an entry cannot be read");
    }
  }
  void write() const {
    RawImage raw{magic_, {}};
    for (const auto& entry : entries) raw.entries.push_back(entry.SerializeAsString());
    write_raw_image(path_, raw);
  }

  std::vector<Message> entries;

 private:
  base::Path path_;
  std::string magic_;
};

}  // namespace ferry::criu
