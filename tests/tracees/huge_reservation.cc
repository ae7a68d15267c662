// SPDX-License-Identifier: Apache-2.0
//
// A reservation of 256 GiB, as of a Java or Go runtime, with a thousand pages in use: no page tables come into being for the rest.
#include "pages.h"

namespace {
// "VmPTE:	  44 kB"
int64_t page_tables_kib() {
  const std::string status = read_whole("/proc/self/status");
  return std::stoll(status.substr(status.find("VmPTE:") + 6));
}
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr size_t kReserved = size_t{64} << 20, kUsed = 1000, kStep = kReserved / kUsed;  // pages
  constexpr int64_t kMayGrow_kib = 1024;
  Page* const reservation = map_pages(kReserved, MAP_NORESERVE, PROT_NONE);
  Page* const writable = map_pages(kReserved, MAP_NORESERVE);  // used, too, without mprotect
  for (Page* const pages : {reservation, writable}) must(::madvise(pages, kReserved * kPage, MADV_NOHUGEPAGE));
  for (size_t i = 0; i < kUsed; ++i) {
    if (i % 10 == 0) must(::mprotect(&reservation[i * kStep], 10 * kPage, PROT_READ | PROT_WRITE));
    write_page(reservation[i / 10 * 10 * kStep + i % 10], i, 1);
    write_page(writable[i * kStep], i, 1);
  }
  const int64_t before = page_tables_kib();
  ready_and_wait();
  const int64_t after = page_tables_kib();
  for (size_t i = 0; i < kUsed; ++i) {
    require_page(reservation[i / 10 * 10 * kStep + i % 10], i, 1);
    require_page(writable[i * kStep], i, 1);
    require_page(writable[i * kStep + kStep / 2], i, 0);
  }
  require_between(after, 0, before + kMayGrow_kib, "KiB of page tables, " + std::to_string(before) + " before");
  return pass();
}
