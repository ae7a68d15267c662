// SPDX-License-Identifier: Apache-2.0
#include "memory/criu_pages.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory/tracker_fixture.h"

namespace ferry::memory {
namespace {

// Only what was written of a private mapping of a file, what is locked, and nothing of the plane or that tasks share.
TEST(PagesForCriu, WhatIsPrivateButOfNoPlane) {
  if (!probe().scan) GTEST_SKIP() << "this kernel has no PAGEMAP_SCAN";
  constexpr uint64_t kPages = 8;
  const base::Fd file(::memfd_create("file", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(file.get(), kPages * kPageBytes), 0);
  void* at = ::mmap(nullptr, kPages * kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.get(), 0);
  ASSERT_NE(at, MAP_FAILED);
  const auto page = [&](uint64_t number) { return reinterpret_cast<uint64_t>(at) + number * kPageBytes; };
  const Region own(kPages), locked(kPages), shared(kPages, PROT_READ | PROT_WRITE, MAP_SHARED);
  TestChild child([&](int) {
    static_cast<volatile char*>(at)[2 * kPageBytes] = 'y';
    static_cast<void>(static_cast<volatile char*>(at)[5 * kPageBytes]);
    *own.at(1) = *shared.at(1) = *locked.at(1) = 'y';
    ::mlock(locked.at(0), kPageBytes);
  });
  child.do_step(1);
  const auto pages = pages_for_criu(child.pid(), try_plane_of(child.pid()).value());
  EXPECT_EQ(pages.within({page(0), page(kPages)}), (PageSet{{page(2), page(3)}}));
  EXPECT_FALSE(pages.intersects(own.whole()));
  EXPECT_FALSE(pages.intersects(shared.whole()));
  EXPECT_TRUE(pages.covers(locked.pages(0, 1)));
  ::munmap(at, kPages * kPageBytes);
}

}  // namespace
}  // namespace ferry::memory
