// SPDX-License-Identifier: Apache-2.0
//
// Events in orders that a kernel gives only seldom, and the log that a new filler starts from. A
// pipe stands in for the userfaultfd: what is read from it is what the test has written.
#include "memory/roster.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace ferry::memory {
namespace {

constexpr uint64_t kBytes = 4 * kPageBytes;
constexpr uint64_t kA = uint64_t{0x300} << 32,
                   kB = uint64_t{0x310} << 32;  // nothing of ours is there

class RosterTest : public ::testing::Test {
 protected:
  RosterTest() {
    const std::vector<std::byte> content(kBytes, std::byte{1});
    store_.put(7, kA, content, 0);
    store_.put(7, kB, content, 0);
    plan_ = make_memfd("plans");
    write_plans(plan_.get(), store_.plans());
    state_->store = store_.fd();
    state_->plan = plan_.get();
  }
  ~RosterTest() override { ::munmap(reinterpret_cast<void*>(kA), kBytes); }

  static void map(uint64_t at) {
    constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
    void* mapped = ::mmap(reinterpret_cast<void*>(at), kBytes, PROT_READ, kFlags, -1, 0);
    ASSERT_EQ(mapped, reinterpret_cast<void*>(at));
  }
  static uffd_msg removal(uint8_t event, uint64_t at) {
    uffd_msg message{};
    message.event = event;
    message.arg.remove.start = at;
    message.arg.remove.end = at + kBytes;
    return message;
  }
  static uffd_msg remap(uint64_t from, uint64_t to) {
    uffd_msg message{};
    message.event = UFFD_EVENT_REMAP;
    message.arg.remap.from = from;
    message.arg.remap.to = to;
    message.arg.remap.len = kBytes;
    return message;
  }
  uffd_msg fork() const {
    uffd_msg message{};
    message.event = UFFD_EVENT_FORK;
    message.arg.fork.ufd = static_cast<uint32_t>(child_.first.get());
    return message;
  }
  static uffd_msg fault(uint64_t at) {
    uffd_msg message{};
    message.event = UFFD_EVENT_PAGEFAULT;
    message.arg.pagefault.address = at;
    return message;
  }
  void arrive(Roster& roster) { roster.add({7, ::getpid(), uffd_.first.get()}); }
  std::vector<uint64_t> say(Roster& roster, const uffd_msg& message) {
    base::write_full(uffd_.second.get(), std::as_bytes(std::span(&message, 1)));
    std::vector<uint64_t> faults;
    EXPECT_TRUE(roster.read(*roster.members().at(0), faults));
    return faults;
  }
  static uint64_t position(const Roster& roster, uint64_t at, size_t member = 0) {
    const auto place = roster.members().at(member)->placement.find(at, at + kPageBytes);
    return place ? place->position : 0;
  }

  Store store_;
  base::Fd plan_, memory_ = SharedState::make();
  SharedState state_{memory_.get()};
  base::FdPair uffd_ = base::make_pipe(), child_ = base::make_pipe();
};

TEST_F(RosterTest, AnUnmapThatAMoveHasOvertakenTakesNothing) {
  Roster roster(state_);
  arrive(roster);
  map(kA);  // as the kernel's memory looks now: moved in, after the unmap
  say(roster, remap(kB, kA));
  say(roster, removal(UFFD_EVENT_UNMAP, kA));
  EXPECT_EQ(position(roster, kA), kB);
  ::munmap(reinterpret_cast<void*>(kA), kBytes);
  Roster next(state_);  // which cannot see any more what ours saw
  next.recover();
  EXPECT_EQ(position(next, kA), kB);
}

TEST_F(RosterTest, AnUnmapAfterAMoveTakesWhatWasMoved) {
  Roster roster(state_);
  arrive(roster);
  say(roster, remap(kB, kA));
  say(roster, removal(UFFD_EVENT_UNMAP, kA));
  EXPECT_EQ(position(roster, kA), 0u);
}

TEST_F(RosterTest, OnlyWhatHadAnEffectIsKept) {
  Roster roster(state_);
  arrive(roster);
  const auto entries = state_.log().size();
  EXPECT_EQ(say(roster, fault(kA)), std::vector<uint64_t>{kA});
  say(roster, removal(UFFD_EVENT_REMOVE, kB + (1 << 20)));
  say(roster, remap(kB + (1 << 20), kB + (2 << 20)));
  EXPECT_EQ(state_.log().size(), entries);
  say(roster, removal(UFFD_EVENT_REMOVE, kB));
  EXPECT_EQ(state_.log().size(), entries + 1);
  EXPECT_EQ(store_.stored(7), std::vector({AddressRange{kA, kA + kBytes}}));
}

TEST_F(RosterTest, ANewFillerKnowsWhatTheOldOneKnew) {
  Roster old(state_);
  arrive(old);
  say(old, remap(kA, kA + (1 << 20)));
  say(old, fork());
  say(old, removal(UFFD_EVENT_REMOVE, kB));
  Roster next(state_);
  next.recover();
  ASSERT_EQ(next.members().size(), 2u);
  EXPECT_TRUE(next.members()[1]->forked);
  EXPECT_EQ(next.members()[1]->uffd().get(), child_.first.get());
  EXPECT_EQ(position(next, kB, 0), 0u);
  EXPECT_EQ(position(next, kB, 1), kB) << "the child has kept it";
  for (const size_t member : {0, 1}) EXPECT_EQ(position(next, kA + (1 << 20), member), kA);
}

// The kernel has given the event away; the filler was killed before it could act on it.
TEST_F(RosterTest, WhatWasReadAndNotActedUponIsNotLost) {
  {
    Roster old(state_);
    arrive(old);
  }
  LogEntry& tail = state_.log_tail();
  tail.kind = LogEntry::Kind::kRead;
  tail.member = 0;
  tail.messages[0] = fault(kA);
  tail.messages[1] = fork();
  tail.messages[2] = removal(UFFD_EVENT_REMOVE, kB);
  for (int fillers = 0; fillers < 3; ++fillers) {
    Roster next(state_);
    next.recover();
    ASSERT_EQ(next.members().size(), 2u);
    EXPECT_EQ(position(next, kB, 0), 0u);
    EXPECT_EQ(position(next, kB, 1), kB) << "the child was forked before";
  }
}

TEST_F(RosterTest, AnArrivalThatIsRepeatedIsOne) {
  Roster roster(state_);
  arrive(roster);
  arrive(roster);
  EXPECT_EQ(roster.members().size(), 1u);
  Roster next(state_);
  next.recover();
  arrive(next);
  EXPECT_EQ(next.members().size(), 1u);
}

TEST_F(RosterTest, StoredPagesOfAProcessThatWasNotRestoredAreNoticed) {
  Roster roster(state_);
  EXPECT_EQ(roster.stored_without_space(), 7);
  arrive(roster);
  EXPECT_FALSE(roster.stored_without_space());
}

}  // namespace
}  // namespace ferry::memory
