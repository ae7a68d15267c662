// SPDX-License-Identifier: Apache-2.0
//
// 64 MiB of anonymous memory, every byte checked; holes in it stay holes.
#include <sys/mman.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr size_t kChunk = 1 << 20, kChunks = 64, kSize = kChunks * 2 * kChunk;  // every other chunk is used
  auto* const bytes = static_cast<char*>(
      ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  require(bytes != MAP_FAILED, "mmap");
  must(::madvise(bytes, kSize, MADV_NOHUGEPAGE));
  for (size_t i = 0; i < kChunks; ++i) {
    std::memcpy(bytes + 2 * i * kChunk, pattern(kChunk, static_cast<uint32_t>(i)).data(), kChunk);
  }

  ready_and_wait();
  unsigned char present[kChunk / 4096];
  for (size_t i = 0; i < kChunks; ++i) {
    const char* const used = bytes + 2 * i * kChunk;
    require(std::memcmp(used, pattern(kChunk, static_cast<uint32_t>(i)).data(), kChunk) == 0, "a chunk's content");
    must(::mincore(const_cast<char*>(used + kChunk), kChunk, present));
    for (const unsigned char page : present) require_equal(page & 1, 0, "a hole is filled");
    require(used[kChunk] == 0 && used[2 * kChunk - 1] == 0, "a hole reads as zero");
  }
  return pass();
}
