// SPDX-License-Identifier: Apache-2.0
//
// Huge pages of the pool (MAP_HUGETLB), written all the time.
#include "pages.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr size_t kBytes = 4 << 20;
  void* const mapped = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
  if (mapped == MAP_FAILED) skip("the pool of huge pages is empty");
  const Region region(static_cast<Page*>(mapped), kBytes / kPage);
  region.write_all();
  Meanwhile writer([&](Random& random) { region.rewrite(random() % region.count()); });
  ready_and_wait();
  writer.stop();
  region.check();
  return pass();
}
