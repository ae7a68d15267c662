// SPDX-License-Identifier: Apache-2.0
//
// Two threads that read by O_DIRECT all the time into memory of theirs, which the device fills behind the page tables' back: what a
// read has brought is there.
#include "direct_io.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr size_t kPages = 256, kThreads = 2;
  const int fd = open_direct(kPages);
  Page* buffers[kThreads];
  auto* const held = map_shared<uint64_t>(kThreads * kPages);  // which page of the file, and one
  std::unique_ptr<Meanwhile> readers[kThreads];
  for (size_t t = 0; t < kThreads; ++t) {
    Page* const buffer = buffers[t] = map_pages(kPages);
    readers[t] = std::make_unique<Meanwhile>([=](Random& random) {
      const size_t into = random() % kPages, from = random() % kPages;
      uint64_t& what = held[t * kPages + into];
      require_page(buffer[into], what - 1, what == 0 ? 0 : 1);
      require_equal(::pread(fd, &buffer[into], kPage, offset_of(from)), kPage, "pread");
      what = from + 1;
      require_page(buffer[into], from, 1);
    }, static_cast<uint32_t>(t + 1));
  }
  ready_and_wait();
  for (size_t t = 0; t < kThreads; ++t) {
    readers[t]->stop();
    for (size_t i = 0; i < kPages; ++i) {
      const uint64_t what = held[t * kPages + i];
      require_page(buffers[t][i], what - 1, what == 0 ? 0 : 1);
    }
  }
  return pass();
}
