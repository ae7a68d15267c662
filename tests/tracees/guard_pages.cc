// SPDX-License-Identifier: Apache-2.0
//
// A thousand mappings: every other page is inaccessible, as between the arenas of hardened allocators. They are written all the time
// and still fault where they should.
#include <setjmp.h>

#include "pages.h"

namespace {
sigjmp_buf after_fault;
bool faults(const volatile uint64_t& word) {
  if (sigsetjmp(after_fault, 1) != 0) return true;
  [[maybe_unused]] const uint64_t read = word;
  return false;
}
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr size_t kPages = 1000;
  const Region region(kPages);
  for (size_t i = 1; i < kPages; i += 2) must(::mprotect(&region.page(i), kPage, PROT_NONE));
  Meanwhile writer([&](Random& random) { region.rewrite(random() % kPages / 2 * 2); });
  writer.wait_for_steps(100);
  ready_and_wait();
  writer.stop();
  ::signal(SIGSEGV, [](int) { siglongjmp(after_fault, 1); });
  for (size_t i = 0; i < kPages; ++i) {
    require_equal(faults(region.page(i).words[0]), i % 2 == 1, "whether it faults");
    if (i % 2 == 0) region.check(i);
  }
  return pass();
}
