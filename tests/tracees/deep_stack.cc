// SPDX-License-Identifier: Apache-2.0
//
// Stacks, of the main thread and of another, that recursion makes deep and shallow again all the time; every frame keeps its content.
#include "pages.h"

namespace {
constexpr uint64_t kDeepest = 1200;  // frames of a page: 4.7 MiB, below the usual limit of 8 MiB

void descend(uint64_t depth, uint64_t version) {
  alignas(64) uint64_t words[kWords];
  for (size_t i = 0; i < kWords; ++i) words[i] = word_of(depth, version, i);
  __asm__ volatile("" : : "r"(words) : "memory");
  if (depth % 64 == 0) sleep_ns(kMillisecond_ns);
  if (depth > 0) descend(depth - 1, version);
  __asm__ volatile("" : : "r"(words) : "memory");
  for (size_t i = 0; i < kWords; ++i) {
    if (words[i] != word_of(depth, version, i)) fail("frame " + std::to_string(depth) + " of version " + std::to_string(version));
  }
}

void run() {
  const std::string go = path("go");
  Random random(5);
  for (uint64_t version = 1; ::access(go.c_str(), F_OK) != 0; ++version) {
    descend(random() % kDeepest, version);
    sleep_ns(kMillisecond_ns);
  }
  descend(kDeepest, 1'000'000);
}
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  std::thread other(run);
  require(::write(STDOUT_FILENO, "READY\n", 6) == 6, "write");
  run();
  other.join();
  return pass();
}
