// SPDX-License-Identifier: Apache-2.0
//
// How fast a restored address space is filled, by itself and under a reader. Not a test:
// `fill_speed [MIB] [RUNS]`.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "settling_workload.h"

namespace ferry::memory::testing {
namespace {

struct Measured {
  double gb_per_s = 0;
  Progress progress;
};

Measured measure(uint64_t bytes, bool reader) {
  Workload workload({.bytes = bytes}, [=](const Inside& in) {
    // Every 61st page: all over the memory, ahead of the fill and behind it.
    const uint64_t pages = in.bytes / kPageBytes;
    for (uint64_t i = 0; reader && i < pages; ++i) {
      const uint64_t at = kHome + (i * 61) % pages * kPageBytes;
      in.expect_pages(at, at + kPageBytes, at);
    }
  });
  Store store;
  workload.fill_store(store);
  auto settling = workload.settle(store);
  workload.restore();
  settling.prefill(in_ms(10'000));
  workload.run();
  settling.begin_fill();
  if (!settling.wait_settled(in_ms(600'000))) std::exit(1);
  Measured measured{0, settling.progress()};
  measured.gb_per_s = static_cast<double>(bytes) / measured.progress.fill_ms / 1e6;
  if (const std::string result = workload.result(600'000); !result.empty()) {
    std::printf("WRONG: %s\n", result.c_str());
    std::exit(1);
  }
  return measured;
}

void report(const char* name, uint64_t bytes, int runs, bool reader) {
  std::vector<Measured> all;
  for (int i = 0; i < runs; ++i) all.push_back(measure(bytes, reader));
  std::ranges::sort(all, {}, &Measured::gb_per_s);
  const Measured& median = all[all.size() / 2];
  std::printf(
      "%-8s %5.2f GB/s (%.2f to %.2f), %.0f ms, CPU %.2f GB/s, %lu faults, the worst %.2f ms\n",
      name, median.gb_per_s, all.front().gb_per_s, all.back().gb_per_s, median.progress.fill_ms,
      static_cast<double>(bytes) / median.progress.cpu_ms / 1e6, median.progress.faults,
      static_cast<double>(median.progress.worst_fault_us) / 1000);
}

}  // namespace
}  // namespace ferry::memory::testing

int main(int argc, char** argv) {
  const uint64_t mib = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 512;
  const int runs = argc > 2 ? std::atoi(argv[2]) : 5;
  ferry::memory::testing::report("alone", mib << 20, runs, false);
  ferry::memory::testing::report("reader", mib << 20, runs, true);
  return 0;
}
