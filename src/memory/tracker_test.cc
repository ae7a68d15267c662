// SPDX-License-Identifier: Apache-2.0
//
// The tracker on live processes: each test is a kernel behaviour that could make a page be lost.
#include "memory/tracker.h"

#include <gtest/gtest.h>

#include <cstring>

#include "kernel/pagemap_scan.h"
#include "kernel/procfs.h"
#include "memory/test_child.h"

namespace ferry::memory {
namespace {

class TrackerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    support_ = probe();
    if (support_.backend != Backend::kUffdWp) GTEST_SKIP() << support_.why;
  }
  void track(pid_t pid) {
    pid_ = pid;
    Attached attached = attach(pid, support_);
    ASSERT_TRUE(attached.tracker) << attached.why;
    tracker_ = std::move(attached.tracker);
    const auto plane = try_plane_of(pid);
    ASSERT_TRUE(plane);
    plane_ = *plane;
  }
  Scan scan() {
    plane_ = try_refresh(pid_, plane_).value();
    auto scan = tracker_->try_scan(plane_);
    EXPECT_TRUE(scan);
    return scan.value_or(Scan{});
  }
  FrozenScan scan_frozen() {
    plane_ = try_refresh(pid_, plane_).value();
    auto scan = tracker_->try_scan_frozen(plane_);
    EXPECT_TRUE(scan);
    return scan.value_or(FrozenScan{});
  }

  Support support_;
  pid_t pid_ = 0;
  std::unique_ptr<Tracker> tracker_;
  Plane plane_;
};

TEST_F(TrackerTest, TellsWhatWasWrittenSinceTheLastScan) {
  const Region region(64);
  std::memset(region.at(0), 1, 8 * kPageBytes);
  TestChild child([&](int page) { *region.at(page) = 2; });
  ASSERT_NO_FATAL_FAILURE(track(child.pid()));
  EXPECT_EQ(scan().written.within(region.whole()), PageSet{region.pages(0, 8)});
  EXPECT_TRUE(scan().written.within(region.whole()).empty());
  child.do_step(3);
  child.do_step(40);
  EXPECT_EQ(scan().written.within(region.whole()), (PageSet{region.pages(3, 1), region.pages(40, 1)}));
  EXPECT_TRUE(scan().written.within(region.whole()).empty());
}

TEST_F(TrackerTest, ScansMoreRangesThanOneCallTells) {
  constexpr uint64_t kMany = 50'000;  // every other page: each a range of its own
  const Region region(2 * kMany);
  TestChild child([&](int first) {
    for (uint64_t page = first; page < 2 * kMany; page += 2) *region.at(page) = 1;
  });
  ::madvise(region.at(0), region.whole().bytes(), MADV_NOHUGEPAGE);
  child.do_step(0);
  ASSERT_NO_FATAL_FAILURE(track(child.pid()));
  const PageSet first = scan().written.within(region.whole());
  EXPECT_EQ(first.pages(), kMany);
  child.do_step(0);
  EXPECT_EQ(scan().written.within(region.whole()), first);
  EXPECT_TRUE(scan().written.within(region.whole()).empty());
}

TEST_F(TrackerTest, SeesMemoryThatComesGrowsMovesAndGoes) {
  const Region arena(64, PROT_NONE);  // addresses to play with
  TestChild child([&](int step) {
    constexpr int kFixed = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    if (step == 0) ::mmap(arena.at(8), 4 * kPageBytes, PROT_READ | PROT_WRITE, kFixed, -1, 0);
    if (step == 0) std::memset(arena.at(8), 1, 4 * kPageBytes);
    if (step == 1) ::mremap(arena.at(8), 4 * kPageBytes, 4 * kPageBytes, MREMAP_MAYMOVE | MREMAP_FIXED, arena.at(40));
    if (step == 2) ::munmap(arena.at(42), 2 * kPageBytes);
    if (step == 3) ::mmap(arena.at(42), 2 * kPageBytes, PROT_READ | PROT_WRITE, kFixed, -1, 0);
    if (step == 3) *arena.at(43) = 7;
  });
  ASSERT_NO_FATAL_FAILURE(track(child.pid()));
  scan();
  child.do_step(0);
  EXPECT_TRUE(scan().written.covers(arena.pages(8, 4)));
  child.do_step(1);
  const Scan moved = scan();
  EXPECT_TRUE(moved.added.covers(arena.pages(40, 4)));
  EXPECT_EQ(moved.written.within(arena.whole()), PageSet{arena.pages(40, 4)});
  EXPECT_TRUE(moved.removed.covers(arena.pages(8, 4)));
  child.do_step(2);
  EXPECT_TRUE(scan().removed.covers(arena.pages(42, 2)));
  child.do_step(3);
  EXPECT_EQ(scan().written.within(arena.whole()), PageSet{arena.pages(43, 1)});
}

TEST_F(TrackerTest, SeesMemoryReplacedBehindItsBackBetweenTwoScans) {
  const Region region(8);
  std::memset(region.at(0), 1, 8 * kPageBytes);
  TestChild child([&](int) {
    ::mmap(region.at(2), 2 * kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    std::memset(region.at(2), 9, 2 * kPageBytes);
  });
  ASSERT_NO_FATAL_FAILURE(track(child.pid()));
  scan();
  child.do_step(0);
  EXPECT_TRUE(scan().written.covers(region.pages(2, 2)));
}

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

TEST_F(TrackerTest, AnExecEndsIt) {
  TestChild child([](int) { ::execlp("sleep", "sleep", "60", nullptr); });
  ASSERT_NO_FATAL_FAILURE(track(child.pid()));
  scan();
  EXPECT_TRUE(tracker_->tracks(child.pid()));
  child.start_step(0);
  while (kernel::comm_of(child.pid()) != "sleep") ::usleep(1000);
  EXPECT_FALSE(tracker_->tracks(child.pid()));
  EXPECT_FALSE(tracker_->try_scan(try_plane_of(child.pid()).value()));
}

TEST_F(TrackerTest, LeavesNothingBehind) {
  const Region region(64);
  TestChild child([&](int page) { *region.at(page) = 2; });
  for (int page = 0; page < 64; ++page) child.do_step(page);
  const auto before = try_read_smaps(child.pid()).value();
  const auto files_before = kernel::open_files(child.pid());
  ASSERT_NO_FATAL_FAILURE(track(child.pid()));
  scan();
  scan();
  child.do_step(5);
  tracker_.reset();
  const auto after = try_read_smaps(child.pid()).value();
  ASSERT_EQ(after.size(), before.size());
  for (size_t i = 0; i < after.size(); ++i) EXPECT_EQ(after[i], before[i]) << after[i].name;
  EXPECT_EQ(kernel::open_files(child.pid()).size(), files_before.size());
  EXPECT_EQ(kernel::status_field(child.pid(), "TracerPid"), "0");
  // No mark of protection in any page table either: a tracker that starts now sees writes as ever.
  const auto pagemap = kernel::Pagemap::try_open(child.pid());
  uint64_t entries[64] = {};
  ASSERT_EQ(pagemap->read_entries(region.whole().start, entries), 64u);
  for (const uint64_t entry : entries) EXPECT_FALSE(entry & kernel::kEntryProtected);
}

}  // namespace
}  // namespace ferry::memory
