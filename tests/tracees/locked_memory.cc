// SPDX-License-Identifier: Apache-2.0
//
// Locked memory that is written all the time stays locked and keeps its content, also beside memory that is not locked, and locked
// only once it is used (MLOCK_ONFAULT).
#include "pages.h"
#include "smaps.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr size_t kPages = 1024;
  const Region region(3 * kPages);  // not locked, locked, locked when used
  if (::mlock(&region.page(kPages), kPages * kPage) == -1) skip("it may not lock memory");
  must(::mlock2(&region.page(2 * kPages), kPages * kPage, MLOCK_ONFAULT));
  for (size_t i = 0; i < 3 * kPages; i += 2) region.rewrite(i);
  Meanwhile writer([&](Random& random) { region.rewrite(random() % (3 * kPages) / 2 * 2); });
  ready_and_wait();
  writer.stop();
  region.check();
  require(!has_vm_flag(&region.page(0), "lo"), "what was not locked is");
  require(has_vm_flag(&region.page(kPages), "lo"), "what was locked is not");
  require(has_vm_flag(&region.page(2 * kPages), "lo"), "what was to be locked once used is not");
  return pass();
}
