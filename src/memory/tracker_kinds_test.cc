// SPDX-License-Identifier: Apache-2.0
//
// The tracker on kinds of memory, and of pages, that behave differently.
#include <gtest/gtest.h>

#include <cstring>

#include "memory/tracker_fixture.h"

namespace ferry::memory {
namespace {

TEST_F(TrackerTest, FollowsTheBreak) {
  static char* top;
  top = static_cast<char*>(::sbrk(0));
  TestChild child([&](int step) {
    if (step == 0) std::memset(::sbrk(16 * kPageBytes), 3, 16 * kPageBytes);
    if (step == 1) ::sbrk(-8 * static_cast<int>(kPageBytes));
  });
  ASSERT_NO_FATAL_FAILURE(track(child.pid()));
  scan();
  const uint64_t start = (reinterpret_cast<uint64_t>(top) + kPageBytes - 1) / kPageBytes * kPageBytes;
  const AddressRange grown{start, start + 15 * kPageBytes};
  child.do_step(0);
  EXPECT_TRUE(scan().written.covers(grown));
  child.do_step(1);
  EXPECT_TRUE(scan().removed.intersects(grown));
}

void read_page(const volatile char* page) { static_cast<void>(*page); }

// Most kernels map their one page of zeros where memory is read before it is written; some map a fresh page.
bool reads_share_a_page(pid_t pid, const Region& region) {
  uint64_t entries[2] = {};
  const auto pagemap = kernel::Pagemap::try_open(pid);
  EXPECT_EQ(pagemap->read_entries(region.pages(20, 2).start, entries), 2u);
  return entries[0] == entries[1];
}

TEST_F(TrackerTest, DroppedPagesAreNotPresentAtTheFreeze) {
  const Region region(22);
  std::memset(region.at(0), 1, 16 * kPageBytes);
  TestChild child([&](int step) {
    if (step == 0) ::madvise(region.at(4), 2 * kPageBytes, MADV_DONTNEED);
    if (step == 1) read_page(region.at(5));
    if (step == 2) read_page(region.at(20)), read_page(region.at(21));
  });
  ASSERT_NO_FATAL_FAILURE(track(child.pid()));
  scan();
  child.do_step(0);
  FrozenScan frozen = scan_frozen();
  EXPECT_FALSE(frozen.present.intersects(region.pages(4, 2)));
  EXPECT_TRUE(frozen.present.covers(region.pages(6, 10)));
  EXPECT_FALSE(frozen.written.intersects(region.whole()));
  child.do_step(1);
  child.do_step(2);
  frozen = scan_frozen();
  EXPECT_TRUE(frozen.written.covers(region.pages(5, 1)));
  EXPECT_EQ(frozen.zero.within(region.whole()).pages(), reads_share_a_page(child.pid(), region) ? 3u : 0u);
}

TEST_F(TrackerTest, AFrozenScanLeavesTheNextScanAsItWas) {
  const Region region(4);
  TestChild child([&](int page) { *region.at(page) = 2; });
  ASSERT_NO_FATAL_FAILURE(track(child.pid()));
  scan();
  child.do_step(1);
  EXPECT_TRUE(scan_frozen().written.covers(region.pages(1, 1)));
  EXPECT_TRUE(scan().written.covers(region.pages(1, 1)));
}

TEST_F(TrackerTest, FreedPagesThatAreWrittenAgainAreSeen) {
  const Region region(16);
  std::memset(region.at(0), 1, 16 * kPageBytes);
  TestChild child([&](int step) {
    if (step == 0) ::madvise(region.at(0), 16 * kPageBytes, MADV_FREE);
    if (step == 1) *region.at(3) = 9;
  });
  ASSERT_NO_FATAL_FAILURE(track(child.pid()));
  scan();
  child.do_step(0);
  scan();
  child.do_step(1);
  EXPECT_TRUE(scan().written.covers(region.pages(3, 1)));
}

TEST_F(TrackerTest, CopyOnWriteMarksTheWriterOnly) {
  const Region region(8);
  std::memset(region.at(0), 1, 8 * kPageBytes);
  TestChild child([&](int step) {
    static pid_t grandchild;
    static base::FdPair pipe;
    if (step == 0) {
      pipe = base::make_pipe();
      grandchild = ::fork();
      if (grandchild == 0) {
        *region.at(6) = 2;
        base::write_full(pipe.second.get(), std::string_view("x"));
        ::pause();
      }
      std::byte byte;
      base::read_full(pipe.first.get(), {&byte, 1});
      *region.at(1) = 3;
    } else {
      ::kill(grandchild, SIGKILL);
    }
  });
  ASSERT_NO_FATAL_FAILURE(track(child.pid()));
  scan();
  child.do_step(0);
  EXPECT_EQ(scan().written.within(region.whole()), PageSet{region.pages(1, 1)});
  // The fork took the protection marks along into memory that nobody registered: of no harm to a tracker of its own.
  const auto children = kernel::children_of(child.pid());
  ASSERT_EQ(children.size(), 1u);
  ASSERT_NO_FATAL_FAILURE(track(children[0]));
  EXPECT_TRUE(scan().written.covers(region.whole()));
  child.do_step(1);
}

TEST_F(TrackerTest, ProtectionsComeAndGo) {
  const Region region(8);
  std::memset(region.at(0), 1, 8 * kPageBytes);
  TestChild child([&](int step) {
    if (step == 0) ::mprotect(region.at(2), 2 * kPageBytes, PROT_NONE);
    if (step == 1) ::mprotect(region.at(2), 2 * kPageBytes, PROT_READ | PROT_WRITE);
    if (step == 2) *region.at(2) = 5;
    if (step == 3) ::mprotect(region.at(0), 8 * kPageBytes, PROT_READ);
  });
  ASSERT_NO_FATAL_FAILURE(track(child.pid()));
  EXPECT_TRUE(scan().written.covers(region.whole()));
  child.do_step(0);
  EXPECT_FALSE(scan().written.intersects(region.whole()));
  EXPECT_TRUE(scan_frozen().present.covers(region.whole()));
  child.do_step(1);
  child.do_step(2);
  EXPECT_EQ(scan().written.within(region.whole()), PageSet{region.pages(2, 1)});
  child.do_step(3);
  EXPECT_FALSE(scan().written.intersects(region.whole()));
}

uint64_t page_table_kib(pid_t pid) { return std::stoull(kernel::status_field(pid, "VmPTE").value_or("0")); }

TEST_F(TrackerTest, AReservationCostsNoPageTables) {
  constexpr uint64_t kPages = (uint64_t{256} << 30) / kPageBytes;
  const Region region(kPages, PROT_NONE);
  TestChild child([&](int) {
    for (uint64_t i = 0; i < 1000; ++i) {
      char* page = region.at(i * (kPages / 1000));
      ::mprotect(page, kPageBytes, PROT_READ | PROT_WRITE);
      *page = 1;
    }
  });
  child.do_step(0);
  ASSERT_NO_FATAL_FAILURE(track(child.pid()));
  const uint64_t before = page_table_kib(child.pid());
  EXPECT_EQ(scan().written.within(region.whole()).pages(), 1000u);
  EXPECT_TRUE(scan().written.within(region.whole()).empty());
  EXPECT_EQ(scan_frozen().present.within(region.whole()).pages(), 1000u);
  EXPECT_LT(page_table_kib(child.pid()), before + 1024);
}

TEST_F(TrackerTest, SeesAWriteInsideAHugePage) {
  constexpr uint64_t kHuge = 512, kPages = 3 * kHuge;
  const Region region(kPages);
  TestChild child([&](int step) {
    if (step < 0) {
      ::madvise(region.at(0), kPages * kPageBytes, MADV_HUGEPAGE);
      std::memset(region.at(0), 1, kPages * kPageBytes);
    } else {
      *region.at(step) = 2;
    }
  });
  child.do_step(-1);
  ASSERT_NO_FATAL_FAILURE(track(child.pid()));
  EXPECT_TRUE(scan().written.covers(region.whole()));
  EXPECT_FALSE(scan().written.intersects(region.whole()));
  child.do_step(700);
  const PageSet written = scan().written.within(region.whole());
  EXPECT_TRUE(written.covers(region.pages(700, 1)));
  EXPECT_LE(written.pages(), kHuge);
}

TEST_F(TrackerTest, GuardRegionsAreListedAndLeftAlone) {
  if (!support_.guards) GTEST_SKIP() << "this kernel does not list guard regions";
  const Region region(16);
  TestChild child([&](int step) {
    if (step == 0) {
      std::memset(region.at(0), 1, 16 * kPageBytes);
      ::madvise(region.at(4), 3 * kPageBytes, 102);
    } else {
      *region.at(step) = 1;
    }
  });
  child.do_step(0);
  ASSERT_NO_FATAL_FAILURE(track(child.pid()));
  EXPECT_FALSE(scan().written.intersects(region.pages(4, 3)));
  scan();
  const FrozenScan frozen = scan_frozen();
  EXPECT_EQ(frozen.guards.within(region.whole()), PageSet{region.pages(4, 3)});
  EXPECT_FALSE(frozen.present.intersects(region.pages(4, 3)));
  child.start_step(5);  // a guard still kills
  int status = 0;
  ASSERT_EQ(::waitpid(child.pid(), &status, 0), child.pid());
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

int use_stack(int pages) {
  volatile char frame[kPageBytes];
  frame[0] = static_cast<char>(pages);
  return pages == 0 ? frame[0] : use_stack(pages - 1) + frame[0];
}

TEST_F(TrackerTest, FollowsTheStack) {
  TestChild child([&](int pages) { use_stack(pages); });
  ASSERT_NO_FATAL_FAILURE(track(child.pid()));
  scan();
  child.do_step(200);
  EXPECT_GE(scan().written.pages(), 200u);
}

}  // namespace
}  // namespace ferry::memory
