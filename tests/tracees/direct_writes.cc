// SPDX-License-Identifier: Apache-2.0
//
// A thread that writes by O_DIRECT all the time, from memory that it changes: the file has what was written, the memory what it is.
#include "direct_io.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr size_t kPages = 256;
  const int fd = open_direct(kPages);
  const Region region(kPages);
  region.write_all();
  require_equal(::pwrite(fd, region.address(), region.bytes(), 0), static_cast<int64_t>(region.bytes()), "pwrite");
  Page* const buffer = map_pages(1);
  Meanwhile writer([&](Random& random) {
    const size_t index = random() % kPages;
    require_equal(::pread(fd, buffer, kPage, offset_of(index)), kPage, "pread");
    require_page(*buffer, index, region.version(index));
    region.rewrite(index);
    require_equal(::pwrite(fd, &region.page(index), kPage, offset_of(index)), kPage, "pwrite");
  });
  ready_and_wait();
  writer.stop();
  region.check();
  for (size_t i = 0; i < kPages; ++i) {
    require_equal(::pread(fd, buffer, kPage, offset_of(i)), kPage, "pread");
    require_page(*buffer, i, region.version(i));
  }
  return pass();
}
