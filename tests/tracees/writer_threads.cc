// SPDX-License-Identifier: Apache-2.0
//
// Four threads write all the time, each to pages of its own and in an order of its own; no page is ever stale.
#include <deque>

#include "pages.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr size_t kThreads = 4, kPages = 2048;
  std::deque<Region> regions;
  std::deque<Meanwhile> writers;
  for (size_t i = 0; i < kThreads; ++i) {
    const Region& region = regions.emplace_back(kPages);
    region.write_all();
    writers.emplace_back([&region](Random& random) { region.rewrite(random() % kPages); }, static_cast<uint32_t>(i + 1));
  }
  ready_and_wait();
  for (auto& writer : writers) writer.stop();
  for (const auto& region : regions) region.check();
  return pass();
}
