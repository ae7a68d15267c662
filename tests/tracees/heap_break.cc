// SPDX-License-Identifier: Apache-2.0
//
// The heap's end (brk) that goes up and down all the time; what is above it is zero when it comes back.
#include <malloc.h>
#include <sys/syscall.h>

#include "pages.h"

namespace {
void set_break(const void* end) { require_equal(::syscall(SYS_brk, end), static_cast<long>(reinterpret_cast<intptr_t>(end)), "brk"); }
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr size_t kMost = 1024, kLeast = 16;
  // malloc(3) uses the break, too: it has enough from now on.
  ::mallopt(M_TOP_PAD, 4 << 20);
  std::free(std::malloc(100'000));
  const auto end = static_cast<uintptr_t>(::syscall(SYS_brk, 0));
  Region region(reinterpret_cast<Page*>((end + kPage - 1) / kPage * kPage), kMost);
  size_t length = kMost;
  set_break(&region.page(0) + length);
  region.write_all();
  Meanwhile changes([&](Random& random) {
    const size_t wanted = kLeast + random() % (kMost - kLeast);
    set_break(&region.page(0) + wanted);
    for (size_t i = wanted; i < length; ++i) region.now_zero(i);
    length = wanted;
    for (int i = 0; i < 16; ++i) region.rewrite(random() % length);
  });
  changes.wait_for_steps(50);
  ready_and_wait();
  changes.stop();
  for (size_t i = 0; i < length; ++i) region.check(i);
  return pass();
}
