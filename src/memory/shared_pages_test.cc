// SPDX-License-Identifier: Apache-2.0
#include "memory/shared_pages.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "base/fd.h"

namespace ferry::memory {
namespace {

class SharedPagesTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kPages = 200;  // more than are read at a time
  SharedPagesTest() {
    EXPECT_EQ(::ftruncate(file_.get(), kPages * kPageBytes), 0);
    pages_.grow(kPages);
  }
  void write(uint64_t page, const std::string& text) const {
    EXPECT_EQ(::pwrite(file_.get(), text.data(), text.size(), static_cast<off_t>(page * kPageBytes)),
              static_cast<ssize_t>(text.size()));
  }
  void punch(uint64_t page) const {
    EXPECT_EQ(::fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                          static_cast<off_t>(page * kPageBytes), kPageBytes), 0);
  }
  // "3:text 5:" and notes them.
  std::string changes(uint64_t first = 0, uint64_t end = kPages) {
    std::string said;
    pages_.look(file_.get(), first, end, [&](uint64_t page, auto content, PageHash hash) {
      said += (said.empty() ? "" : " ") + std::to_string(page) + ":" +
              (content.empty() ? "" : reinterpret_cast<const char*>(content.data()));
      pages_.note(page, hash);
    });
    return said;
  }
  base::Fd file_{::memfd_create("pages", MFD_CLOEXEC)};
  SharedPages pages_;
};

TEST_F(SharedPagesTest, WhatIsNotAsItIsNoted) {
  EXPECT_EQ(changes(), "");
  write(0, "first");
  write(5, "five");
  write(kPages - 1, "last");
  EXPECT_EQ(changes(), "0:first 5:five 199:last");
  EXPECT_EQ(changes(), "");
  write(5, "FIVE");
  write(6, std::string(kPageBytes, '\0'));  // there, and zero all the same
  EXPECT_EQ(changes(), "5:FIVE");
}

TEST_F(SharedPagesTest, WhatIsZeroNow) {
  for (const uint64_t page : {3, 4, 5, 100}) write(page, "x");
  EXPECT_EQ(changes(), "3:x 4:x 5:x 100:x");
  punch(4);
  write(5, std::string(kPageBytes, '\0'));
  EXPECT_EQ(changes(), "4: 5:");
  EXPECT_EQ(::ftruncate(file_.get(), 10 * kPageBytes), 0);
  EXPECT_EQ(changes(), "100:");
}

TEST_F(SharedPagesTest, NothingIsNotedByLooking) {
  write(7, "seven");
  const auto pass_over = [](uint64_t, std::span<const std::byte>, PageHash) {};
  pages_.look(file_.get(), 0, kPages, pass_over);
  EXPECT_EQ(changes(), "7:seven");
}

TEST_F(SharedPagesTest, APartOfIt) {
  for (const uint64_t page : {3, 4, 5}) write(page, "x");
  EXPECT_EQ(changes(4, 5), "4:x");
  EXPECT_EQ(changes(), "3:x 5:x");
}

TEST_F(SharedPagesTest, AFileThatEndsWithinAPage) {
  EXPECT_EQ(::ftruncate(file_.get(), 0), 0);
  write(2, "end");
  EXPECT_EQ(changes(), "2:end");
  EXPECT_EQ(::ftruncate(file_.get(), 2 * kPageBytes + 1), 0);
  EXPECT_EQ(changes(), "2:e");
}

}  // namespace
}  // namespace ferry::memory
