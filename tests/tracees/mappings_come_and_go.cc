// SPDX-License-Identifier: Apache-2.0
//
// Memory that is mapped and unmapped all the time, also again at the very same address, where it must begin with zeros.
#include "pages.h"

namespace {
constexpr size_t kMappings = 32, kMaxPages = 64;

struct Mapping {
  Page* pages;
  size_t count;
  uint64_t version;
};

void check(const Mapping& mapping, size_t name) {
  for (size_t i = 0; i < mapping.count; ++i) require_page(mapping.pages[i], name, i % 3 == 0 ? 0 : mapping.version);
}

void fill(const Mapping& mapping, size_t name) {
  for (size_t i = 0; i < mapping.count; ++i) {
    require_page(mapping.pages[i], name, 0);
    if (i % 3 != 0) write_page(mapping.pages[i], name, mapping.version);
  }
}
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  auto* const mappings = map_shared<Mapping>(kMappings);
  uint64_t version = 0;
  Meanwhile changes([&](Random& random) {
    const size_t name = random() % kMappings;
    Mapping& mapping = mappings[name];
    if (mapping.count > 0) {
      check(mapping, name);
      must(::munmap(mapping.pages, mapping.count * kPage));
    }
    const bool same_place = mapping.count > 0 && random() % 2 == 0;
    if (!same_place) mapping.count = 1 + random() % kMaxPages;
    void* const wanted = same_place ? mapping.pages : nullptr;
    void* const mapped = ::mmap(wanted, mapping.count * kPage, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | (same_place ? MAP_FIXED : 0), -1, 0);
    require(mapped != MAP_FAILED, "mmap");
    mapping.pages = static_cast<Page*>(mapped);
    mapping.version = ++version;
    fill(mapping, name);
  });
  changes.wait_for_steps(4 * kMappings);
  ready_and_wait();
  changes.stop();
  for (size_t name = 0; name < kMappings; ++name) check(mappings[name], name);
  return pass();
}
