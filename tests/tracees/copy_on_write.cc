// SPDX-License-Identifier: Apache-2.0
//
// A parent and three children with the same pages since fork(2). All write to them while they move; each sees its own writes and
// nobody else's, and what nobody wrote is as it was.
#include "pages.h"

namespace {
constexpr size_t kPages = 2048;

// Pages divisible by three are never written. In another's version there is another name.
void run(Page* pages, uint64_t self, uint64_t* versions, void (*until)()) {
  Meanwhile writer([=](Random& random) {
    const size_t index = random() % kPages;
    const uint64_t version = versions[index];
    require_page(pages[index], version == 1 ? index : index + self * kPages, version);
    if (index % 3 == 0) return;
    write_page(pages[index], index + self * kPages, version + 1);
    versions[index] = version + 1;
  }, static_cast<uint32_t>(self + 1));
  until();
  writer.stop();
  for (size_t i = 0; i < kPages; ++i) require_page(pages[i], versions[i] == 1 ? i : i + self * kPages, versions[i]);
}

uint64_t* new_versions() {
  auto* const versions = map_shared<uint64_t>(kPages);
  for (size_t i = 0; i < kPages; ++i) versions[i] = 1;
  return versions;
}
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr int kChildren = 3;
  Page* const pages = map_pages(kPages);
  for (size_t i = 0; i < kPages; ++i) write_page(pages[i], i, 1);
  pid_t children[kChildren];
  for (int i = 0; i < kChildren; ++i) {
    children[i] = fork_prepared([&](auto prepared) {
      prepared();
      run(pages, static_cast<uint64_t>(i) + 1, new_versions(), wait_for_go);
    });
  }
  run(pages, 0, new_versions(), ready_and_wait);
  for (const pid_t child : children) expect_exit(child);
  return pass();
}
