// SPDX-License-Identifier: Apache-2.0
//
// Reads by libaio's system calls, several at a time: each brings what is in the file.
#include <linux/aio_abi.h>
#include <sys/syscall.h>

#include "direct_io.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr size_t kPages = 256, kAtOnce = 8;
  const int fd = open_direct(kPages);
  Page* const buffers = map_pages(kAtOnce);
  aio_context_t context = 0;
  if (::syscall(SYS_io_setup, 64, &context) == -1) skip("io_setup does not work here");
  Meanwhile reader([&](Random& random) {
    iocb requests[kAtOnce] = {};
    iocb* list[kAtOnce];
    for (size_t i = 0; i < kAtOnce; ++i) {
      const size_t from = random() % kPages;
      requests[i].aio_lio_opcode = IOCB_CMD_PREAD;
      requests[i].aio_fildes = static_cast<uint32_t>(fd);
      requests[i].aio_buf = reinterpret_cast<uint64_t>(&buffers[i]);
      requests[i].aio_nbytes = kPage;
      requests[i].aio_offset = offset_of(from);
      requests[i].aio_data = from;
      list[i] = &requests[i];
    }
    require_equal(::syscall(SYS_io_submit, context, kAtOnce, list), kAtOnce, "io_submit");
    io_event events[kAtOnce] = {};
    for (size_t done = 0; done < kAtOnce;) {
      const long got = ::syscall(SYS_io_getevents, context, 1, kAtOnce - done, events + done, nullptr);
      if (got == -1 && errno == EINTR) continue;
      done += static_cast<size_t>(must(got));
    }
    for (const io_event& event : events) require_equal(event.res, kPage, "a read's result");
    for (size_t i = 0; i < kAtOnce; ++i) require_page(buffers[i], requests[i].aio_data, 1);
  });
  ready_and_wait();
  reader.stop();
  return pass();
}
