// SPDX-License-Identifier: Apache-2.0
//
// Memory that the kernel may merge where it is equal (MADV_MERGEABLE), and that is written now and then.
#include "pages.h"
#include "smaps.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr size_t kPages = 1024;
  Page* const pages = map_pages(kPages);
  auto* const versions = map_shared<uint64_t>(kPages);
  if (::madvise(pages, kPages * kPage, MADV_MERGEABLE) == -1) skip("this kernel has no KSM");
  for (size_t i = 0; i < kPages; ++i) write_page(pages[i], 0, versions[i] = 1 + i % 3);  // equal ones
  Meanwhile writer([&](Random& random) {
    const size_t index = random() % kPages;
    require_page(pages[index], 0, versions[index]);
    write_page(pages[index], 0, versions[index] = 1 + random() % 3);
  });
  ready_and_wait();
  writer.stop();
  for (size_t i = 0; i < kPages; ++i) require_page(pages[i], 0, versions[i]);
  require(has_vm_flag(pages, "mg"), "MADV_MERGEABLE is not set any more");
  return pass();
}
