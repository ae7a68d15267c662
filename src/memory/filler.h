// SPDX-License-Identifier: Apache-2.0
//
// The process that puts the store's pages into the restored workload: faults at once, what must be
// there before the workload runs on command, the rest in the background. One thread: between two
// batches it looks for faults and events, so that no page is put anywhere after an event has been
// read that says otherwise.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "memory/guardian.h"
#include "memory/roster.h"

namespace ferry::memory {

class Filler {
 public:
  // `guardian_died` is called when it has, and starts another.
  Filler(const SharedState& state, const FillHooks& hooks, std::function<void()> guardian_died);
  // Until there is an outcome.
  void run();

 private:
  static constexpr int64_t kFaultsPauseNs = 5'000'000;  // without any fault: nobody waits for us

  // Before the workload runs as much as there is time for is put in place, what it has written last
  // first. Then faults go first: it wakes up with requests that have waited for the whole pause, and
  // touches most of what it lives on within some milliseconds. A batch between two faults makes one
  // of them ten times as long.
  enum class Pace { kAhead, kFaultsFirst, kBackground };

  struct Fault {
    AddressSpace* member;
    uint64_t address;
    int64_t since_ns;  // the last look at which it was not there
    bool is_far = false;  // the page is at the source, and asked for
  };

  // Around a page that was waited for.
  struct Near {
    AddressSpace* member;
    AddressRange left;
  };

  int next_wait_ms() const;
  void look(int wait_ms);
  void take_arrivals();
  void take_premapping();
  bool can_fill_premapped() const;
  void fill_premapped();
  void drain(AddressSpace& member, int64_t since_ns);
  void serve_faults();
  void want_near(AddressSpace& member, uint64_t address, uint64_t end);  // its page up to `end` is there
  void fill_near();
  void obey();
  void prefill();
  void check_coverage();
  void check_alive();
  bool may_fill() const;
  void keep_pace();
  bool fills() const;
  void fill_one_batch();
  uint64_t batch_bytes() const;
  bool fill_hot();  // a batch of it; false: there was none left
  void all_is_filled();
  void handle(const Family::Step& step);
  void pass_ended(Family& family);
  void retire_idle_children();
  void settle();
  void end_registration(AddressSpace& member);
  void finish(Outcome outcome);
  void tell_news();
  void tell_puller();

  const SharedState& state_;
  const FillHooks& hooks_;
  std::function<void()> guardian_died_;
  Roster roster_;
  std::unique_ptr<Arrivals> arrivals_;
  std::vector<std::unique_ptr<Premapped>> premapped_;  // those that can still be filled
  bool premapped_waits_ = false;                       // for areas to come
  std::vector<Fault> faults_;
  std::vector<Near> near_;  // the latest is next
  bool owner_gone_ = false;
  int64_t last_look_ns_ = 0, last_check_ns_ = 0;
  int64_t not_before_ns_ = 0;  // of the background fill, where it has to wait
  Pace pace_ = Pace::kAhead;
  int64_t running_since_ns_ = 0;  // as far as we know; 0: it does not run yet
  int64_t last_fault_ns_ = 0;
  struct Pass {
    bool hot_done = false, complete = false;
    bool had_far = true;  // when the pass before ended
  };
  std::map<const Family*, Pass> passes_;
  size_t current_ = 0;  // family of the background fill
};

}  // namespace ferry::memory
