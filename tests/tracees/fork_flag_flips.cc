// SPDX-License-Identifier: Apache-2.0
//
// MADV_DONTFORK and MADV_WIPEONFORK, set and taken back all the time: a change that only VmFlags shows. What was set last holds.
#include "pages.h"
#include "smaps.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr size_t kPages = 64;
  const Region region(2 * kPages);
  region.write_all();
  bool hidden = false, wiped = false;
  Meanwhile flips([&](Random& random) {
    hidden = random() % 2 == 0;
    wiped = random() % 2 == 0;
    must(::madvise(&region.page(0), kPages * kPage, hidden ? MADV_DONTFORK : MADV_DOFORK));
    must(::madvise(&region.page(kPages), kPages * kPage, wiped ? MADV_WIPEONFORK : MADV_KEEPONFORK));
    region.rewrite(random() % (2 * kPages));
  }, 1, 7 * kMillisecond_ns);
  flips.wait_for_steps(10);
  ready_and_wait();
  flips.stop();
  region.check();
  require_equal(has_vm_flag(&region.page(0), "dc"), hidden, "whether a child gets it");
  require_equal(has_vm_flag(&region.page(kPages), "wf"), wiped, "whether a child gets zeros");
  return pass();
}
