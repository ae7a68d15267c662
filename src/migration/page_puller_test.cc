// SPDX-License-Identifier: Apache-2.0
//
// Server and puller with real links between them, over the memory of a child process that stands
// still. Who fills is not here: the store and its marks are looked at instead.
#include "migration/page_puller.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "memory/test_child.h"
#include "migration/page_server.h"
#include "transport/channel_pipe.h"

namespace ferry::migration {
namespace {

using memory::AddressRange;
using memory::FarPages;
using memory::kPageBytes;
using memory::PageSet;

constexpr int32_t kSpace = 7;  // what the target calls it
constexpr uint64_t kPages = 1024;

std::pair<transport::Link, transport::Link> make_lane() {
  ::signal(SIGPIPE, SIG_IGN);
  base::FdPair one = base::make_pipe(), two = base::make_pipe();
  return {transport::Link(transport::make_pipe_channel(std::move(one.first), std::move(two.second))),
          transport::Link(transport::make_pipe_channel(std::move(two.first), std::move(one.second)))};
}

class PagePullerTest : public ::testing::Test {
 protected:
  // Page n of the child begins with n; every eighth is zero.
  PagePullerTest() : region_(kPages) {
    for (uint64_t page = 0; page < kPages; ++page) {
      if (page % 8 != 0) *reinterpret_cast<uint64_t*>(region_.at(page)) = page;
    }
    child_.emplace([](int) {});
    // An earlier round has brought all of it, as it was before.
    const std::vector<std::byte> old(kPages * kPageBytes, std::byte{0xee});
    store_.put(kSpace, region_.whole().start, old, 0);
    const FarPages::Space spaces[] = {{kSpace, 0, {region_.whole()}}};
    far_fd_ = memory::make_memfd("far");
    FarPages::write(far_fd_.get(), spaces);
    state_fd_ = memory::SharedState::make();
    placed_ = base::Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    asked_ = base::Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  }

  memory::PullAccess access() const {
    return {state_fd_.dup(), base::Fd(::dup(store_.fd())), far_fd_.dup(), placed_.dup(), asked_.dup()};
  }
  void start(ServedSpaces spaces, uint64_t bandwidth = 0) {
    std::vector<transport::Link> here, there;
    for (int i = 0; i < 3; ++i) {
      auto [left, right] = make_lane();
      here.push_back(std::move(left));
      there.push_back(std::move(right));
    }
    server_.emplace(std::move(spaces), std::move(here), bandwidth);
    puller_.emplace(access(), std::move(there));
  }
  ServedSpaces served() const { return {{kSpace, kernel::find_process(child_->pid()).value()}}; }
  bool reaches(PagePuller::State state) const {
    const auto deadline = base::mono_now() + base::milliseconds(20'000);
    while (puller_->state() != state && base::mono_now() < deadline) ::usleep(1000);
    return puller_->state() == state;
  }
  uint64_t stored_at(uint64_t page) const {
    uint64_t word = 0;
    memory::StoredSpace stored(store_.fd(), 0);
    stored.read(region_.pages(page, 1).start, std::as_writable_bytes(std::span(&word, 1)));
    return word;
  }

  memory::Region region_;
  std::optional<memory::TestChild> child_;
  memory::Store store_;
  base::Fd far_fd_, state_fd_, placed_, asked_;
  std::optional<PageServer> server_;
  std::optional<PagePuller> puller_;
};

TEST_F(PagePullerTest, AllOfItComesAndWhatIsZeroNowIsZero) {
  start(served());
  ASSERT_TRUE(reaches(PagePuller::State::kArrived));
  for (uint64_t page = 0; page < kPages; ++page) {
    ASSERT_EQ(stored_at(page), page % 8 == 0 ? 0 : page) << page;
  }
  EXPECT_EQ(FarPages(far_fd_.get()).bytes_left(), 0u);
  EXPECT_GE(server_->bytes_served(), kPages * kPageBytes);
}

TEST_F(PagePullerTest, APageThatIsWaitedForOvertakesTheRest) {
  start(served(), 1 << 20);  // 4 s for all of it
  FarPages far(far_fd_.get());
  const AddressRange last = region_.pages(kPages - 1, 1);
  ASSERT_TRUE(far.ask(0, last.start));
  const uint64_t one = 1;
  base::write_full(asked_.get(), std::as_bytes(std::span(&one, 1)));
  // What is around it comes with it: the page before, unless a window of 128 KiB begins between.
  const bool is_first = last.start % (128 << 10) == 0;
  const AddressRange near = is_first ? last : region_.pages(kPages - 2, 1);
  const auto is_far = [&] { return far.look(0, last).far || far.look(0, near).far; };
  const auto deadline = base::mono_now() + base::milliseconds(2000);
  while (is_far() && base::mono_now() < deadline) ::usleep(1000);
  EXPECT_FALSE(is_far());
  EXPECT_EQ(stored_at(kPages - 1), kPages - 1);
  EXPECT_GT(far.bytes_left(), 0u);
}

// It is in the workload already, or dropped by it: what comes late must not come back.
TEST_F(PagePullerTest, WhatIsNotMissingIsNotPut) {
  FarPages far(far_fd_.get());
  far.clear(0, region_.pages(100, 50));
  memory::StoredSpace(store_.fd(), 0).drop(region_.pages(100, 50));
  start(served());
  ASSERT_TRUE(reaches(PagePuller::State::kArrived));
  for (uint64_t page = 100; page < 150; ++page) EXPECT_EQ(stored_at(page), 0u) << page;
  EXPECT_EQ(stored_at(99), 99u);
  EXPECT_EQ(stored_at(151), 151u);
}

TEST_F(PagePullerTest, ASourceThatCannotReadIsNoSourceOfZeros) {
  start({{kSpace, {child_->pid(), 1}}});  // another process of that number
  ASSERT_TRUE(reaches(PagePuller::State::kCutOff));
  EXPECT_EQ(FarPages(far_fd_.get()).bytes_left(), kPages * kPageBytes);
  EXPECT_TRUE(server_->is_cut_off());
}

TEST_F(PagePullerTest, AnotherOneGoesOnWhereALinkWasCut) {
  start(served(), 1 << 20);
  while (FarPages(far_fd_.get()).bytes_left() == kPages * kPageBytes) ::usleep(1000);
  server_.reset();
  puller_.reset();
  EXPECT_GT(FarPages(far_fd_.get()).bytes_left(), 0u);
  start(served());
  ASSERT_TRUE(reaches(PagePuller::State::kArrived));
  EXPECT_EQ(stored_at(kPages - 1), kPages - 1);
  EXPECT_EQ(stored_at(kPages - 8), 0u);
}

TEST_F(PagePullerTest, AWorkloadThatHasEndedNeedsNothing) {
  memory::SharedState(state_fd_.get())->outcome = memory::Outcome::kLost;
  start(served(), 1 << 20);
  EXPECT_TRUE(reaches(PagePuller::State::kOver));
}

}  // namespace
}  // namespace ferry::migration
