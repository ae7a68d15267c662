// SPDX-License-Identifier: Apache-2.0
//
// An unprivileged user's process, to whom the kernel gives no userfaultfd for the kernel's own faults
// (vm.unprivileged_userfaultfd=0); system calls write to its memory, too.
#include "pages.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr uid_t kNobody = 65534;
  constexpr size_t kPages = 2048;
  must(::setresgid(kNobody, kNobody, kNobody));
  must(::setresuid(kNobody, kNobody, kNobody));
  const Region region(kPages);
  region.write_all();
  int ends[2];
  must(::pipe(ends));
  Page* const source = map_pages(1);
  uint64_t version = 1'000'000;
  Page* const by_kernel = map_pages(64);
  auto* const versions = map_shared<uint64_t>(64);
  Meanwhile writer([&](Random& random) {
    region.rewrite(random() % kPages);
    const size_t index = random() % 64;
    require_page(by_kernel[index], index, versions[index]);
    write_page(*source, index, ++version);
    require_equal(::write(ends[1], source, kPage), kPage, "write");
    require_equal(::read(ends[0], &by_kernel[index], kPage), kPage, "read");
    versions[index] = version;
  });
  ready_and_wait();
  writer.stop();
  region.check();
  for (size_t i = 0; i < 64; ++i) require_page(by_kernel[i], i, versions[i]);
  require_equal(::geteuid(), kNobody, "who it is");
  return pass();
}
