// SPDX-License-Identifier: Apache-2.0
//
// A thousand mappings: every other page is inaccessible, as between the arenas of hardened allocators. They are written all the time
// and still fault where they should.
#include "faults.h"
#include "pages.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr size_t kPages = 1000;
  const Region region(kPages);
  for (size_t i = 1; i < kPages; i += 2) must(::mprotect(&region.page(i), kPage, PROT_NONE));
  Meanwhile writer([&](Random& random) { region.rewrite(random() % kPages / 2 * 2); });
  writer.wait_for_steps(100);
  ready_and_wait();
  writer.stop();
  catch_faults();
  for (size_t i = 0; i < kPages; ++i) {
    require_equal(faults_when_read(region.page(i).words[0]), i % 2 == 1, "whether it faults");
    if (i % 2 == 0) region.check(i);
  }
  return pass();
}
