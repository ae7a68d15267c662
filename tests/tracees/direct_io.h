// SPDX-License-Identifier: Apache-2.0
//
// A file without a name, open with O_DIRECT, with pages of known content.
#pragma once

#include "pages.h"

namespace tracee {

inline int open_direct(size_t pages) {
  const int fd = static_cast<int>(must(::open(path("data").c_str(), O_RDWR | O_CREAT | O_EXCL, 0600)));
  Page* const page = map_pages(1);
  for (size_t i = 0; i < pages; ++i) {
    write_page(*page, i, 1);
    require_equal(::write(fd, page, kPage), kPage, "write");
  }
  const int direct = ::open(path("data").c_str(), O_RDWR | O_DIRECT);
  if (direct < 0 && errno == EINVAL) skip("this file system has no O_DIRECT");
  must(direct);
  must(::unlink(path("data").c_str()));
  must(::close(fd));
  must(::munmap(page, kPage));
  return direct;
}

inline off_t offset_of(size_t page) { return static_cast<off_t>(page * kPage); }

}  // namespace tracee
