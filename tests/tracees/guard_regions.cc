// SPDX-License-Identifier: Apache-2.0
//
// Guard regions (MADV_GUARD_INSTALL, Linux 6.13) within memory that is written all the time: touching them still faults.
#include "faults.h"
#include "pages.h"

namespace {
constexpr size_t kPages = 1024, kStride = 16;  // every so many pages there are two guards
bool is_guard(size_t index) { return index % kStride < 2; }
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  const Region region(kPages);
  for (size_t i = 0; i < kPages; i += kStride) {
    if (i % (2 * kStride) == 0) region.rewrite(i);  // some had content before
    if (::madvise(&region.page(i), 2 * kPage, MADV_GUARD_INSTALL) == -1) skip("this kernel has no guard regions");
    region.now_zero(i);
  }
  auto* const flipped = map_shared<uint8_t>(kPages);  // guards that come and go
  Meanwhile writer([&](Random& random) {
    const size_t index = random() % kPages;
    if (!is_guard(index)) return region.rewrite(index);
    if (index < kPages / 2) return;
    must(::madvise(&region.page(index), kPage, flipped[index] ? MADV_GUARD_INSTALL : MADV_GUARD_REMOVE));
    flipped[index] ^= 1;
  });
  writer.wait_for_steps(100);
  ready_and_wait();
  writer.stop();
  catch_faults();
  for (size_t i = 0; i < kPages; ++i) {
    const bool guarded = is_guard(i) && !flipped[i];
    if (faults_when_read(region.page(i).words[5]) != guarded) fail((guarded ? "a guard has gone: page " : "it faults: page ") + std::to_string(i));
    if (!guarded) region.check(i);
  }
  return pass();
}
