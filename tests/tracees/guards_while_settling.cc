// SPDX-License-Identifier: Apache-2.0
//
// Guard regions (MADV_GUARD_INSTALL, Linux 6.13) that are set over pages with content all the time, and others that are taken away: also
// while those pages are still on their way. A guard stays, whatever would have come to its place, and what it has covered is zero.
#include "faults.h"
#include "pages.h"

namespace {
constexpr size_t kPages = 8192, kOld = 1024;  // the first ones have guards from the beginning
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  const Region region(kPages);
  region.write_all();
  auto* const guarded = map_shared<uint8_t>(kPages);
  for (size_t i = 0; i < kOld; i += 2) {
    if (::madvise(&region.page(i), kPage, MADV_GUARD_INSTALL) == -1) skip("this kernel has no guard regions");
    region.now_zero(i);
    guarded[i] = 1;
  }
  Meanwhile changes([&](Random& random) {
    const size_t fresh = kOld + random() % (kPages - kOld), old = random() % (kOld / 2) * 2;
    // New ones stay: nobody can tell one that came and went from one that never was.
    must(::madvise(&region.page(fresh), kPage, MADV_GUARD_INSTALL));
    region.now_zero(fresh);
    guarded[fresh] = 1;
    must(::madvise(&region.page(old), kPage, MADV_GUARD_REMOVE));
    guarded[old] = 0;
    region.rewrite(old);
  });
  changes.wait_for_steps(50);
  ready_and_wait();
  changes.stop();
  catch_faults();
  for (size_t i = 0; i < kPages; ++i) {
    if (faults_when_read(region.page(i).words[5]) != static_cast<bool>(guarded[i])) {
      fail((guarded[i] ? "a guard has gone: page " : "it faults: page ") + std::to_string(i));
    }
    if (!guarded[i]) region.check(i);
  }
  return pass();
}
