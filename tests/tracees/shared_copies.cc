// SPDX-License-Identifier: Apache-2.0
//
// Twelve processes that came of each other one by one, each with a few pages of its own in memory that is else shared copy-on-write:
// each has the content that it should have, also after one of them writes.
#include "pages.h"

namespace {
constexpr size_t kPages = 2048, kGenerations = 12, kOwnPages = 50;

// The pages that generation `g` wrote, and that those after it inherited.
bool is_own(size_t index, size_t g) { return (index * 7919) % kPages / kOwnPages == g; }

void check(const Page* pages, size_t generation) {
  for (size_t i = 0; i < kPages; ++i) {
    uint64_t version = 1;
    for (size_t g = 1; g <= generation; ++g) {
      if (is_own(i, g)) version = g + 1;
    }
    require_page(pages[i], i, version);
  }
}

void live(Page* pages, size_t generation, void (*until)());

void have_child(Page* pages, size_t generation, void (*until)()) {
  if (generation == kGenerations) return until();
  const pid_t child = fork_prepared([&](auto prepared) {
    for (size_t i = 0; i < kPages; ++i) {
      if (is_own(i, generation + 1)) write_page(pages[i], i, generation + 2);
    }
    prepared();
    live(pages, generation + 1, wait_for_go);
  });
  until();
  check(pages, generation);
  for (size_t i = 0; i < kPages; i += 2) write_page(pages[i], i, 1000);  // nobody else's business
  expect_exit(child);
}

void live(Page* pages, size_t generation, void (*until)()) {
  have_child(pages, generation, until);
  if (generation == kGenerations) check(pages, generation);
}
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  Page* const pages = map_pages(kPages);
  for (size_t i = 0; i < kPages; ++i) write_page(pages[i], i, 1);
  live(pages, 0, [] { sleep_ns(100 * kMillisecond_ns); ready_and_wait(); });
  return pass();
}
