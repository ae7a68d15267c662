// SPDX-License-Identifier: Apache-2.0
//
// A process that has a userfaultfd of its own, and memory registered with it: it must not lose what it guards.
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "pages.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr size_t kPages = 64;
  const int fd = static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY));
  if (fd < 0) skip("no userfaultfd here");
  uffdio_api api{UFFD_API, 0, 0};
  must(::ioctl(fd, UFFDIO_API, &api));
  Page* const pages = map_pages(kPages);
  uffdio_register request{{reinterpret_cast<uint64_t>(pages), kPages * kPage}, UFFDIO_REGISTER_MODE_MISSING, 0};
  must(::ioctl(fd, UFFDIO_REGISTER, &request));
  ready_and_wait();
  std::thread toucher([&] { require_page(pages[7], 7, 1); });
  uffd_msg message{};
  require_equal(::read(fd, &message, sizeof message), sizeof message, "read");
  require_equal(static_cast<int64_t>(message.arg.pagefault.address), reinterpret_cast<int64_t>(&pages[7]), "where it faults");
  Page* const content = map_pages(1);
  write_page(*content, 7, 1);
  uffdio_copy copy{reinterpret_cast<uint64_t>(&pages[7]), reinterpret_cast<uint64_t>(content), kPage, 0, 0};
  must(::ioctl(fd, UFFDIO_COPY, &copy));
  toucher.join();
  return pass();
}
