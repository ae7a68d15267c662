// SPDX-License-Identifier: Apache-2.0
//
// Two tasks write memory that they share, each its own half of it, and so do others that come and go; pages are forgotten by who has written them, and
// removed. Most of it stays as it is.
#include "shared_pages.h"

namespace {

using namespace tracee;

constexpr size_t kCount = 4096;

size_t own_page(Random& random, size_t half) { return random() % (kCount / 2) * 2 + half; }

// Written by a task that has gone afterwards.
void rewrite_in_child(Shared& shared, size_t index) {
  const pid_t child = static_cast<pid_t>(must(::fork()));
  if (child == 0) {
    write_page(shared.page(index), index, shared.next_version());
    ::_exit(0);
  }
  expect_exit(child);
  shared.note_rewritten(index);
}

void rewrite_and_forget(Shared& shared, size_t index) {
  shared.rewrite(index);
  must(::madvise(&shared.page(index), kPage, MADV_DONTNEED));
}

void remove_and_read(Shared& shared, size_t index) {
  shared.punch(index);
  shared.check(index);
}

}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  Shared shared(map_shared<Page>(kCount), kCount);
  for (size_t i = 0; i < kCount; ++i) shared.rewrite(i);
  const pid_t other = fork_prepared([&](auto prepared) {
    Meanwhile changes([&](Random& random) { shared.rewrite(own_page(random, 1)); }, 2);
    prepared();
    wait_for_go();
    changes.stop();
    for (size_t i = 1; i < kCount; i += 2) shared.check(i);
  });
  Meanwhile changes([&](Random& random) {
    const size_t page = own_page(random, 0);
    switch (random() % 64) {
      case 0: return rewrite_in_child(shared, page);
      case 1: return rewrite_and_forget(shared, page);
      case 2: return remove_and_read(shared, page);
      default: return shared.rewrite(page);
    }
  });
  changes.wait_for_steps(100);
  ready_and_wait();
  changes.stop();
  for (size_t i = 0; i < kCount; i += 2) shared.check(i);
  expect_exit(other);
  return pass();
}
