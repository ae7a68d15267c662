// SPDX-License-Identifier: Apache-2.0
//
// Post-copy, the target's half: fetches the pages that are still at the source into the store, from
// where the filler takes them (memory/far_pages.h has what the two agree on). The first lane is for
// pages that somebody waits for, with what is around them; the others bring all the rest.
//
// Its end, in whatever way, loses nothing: what is not in the store is marked as missing, and
// another one goes on with it.
#pragma once

#include <atomic>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "memory/codec.h"
#include "memory/far_pages.h"
#include "memory/settling.h"
#include "transport/lanes.h"

namespace ferry::migration {

// Post-copy needs two: faults must not queue up behind the rest.
inline constexpr int kFewestPullLanes = 2;

class PagePuller {
 public:
  // Waits for an earlier puller of the same workload to end, which is told to. Throws Error when it
  // does not.
  PagePuller(memory::PullAccess access, std::vector<transport::Link> lanes);
  ~PagePuller();
  PagePuller(const PagePuller&) = delete;
  PagePuller& operator=(const PagePuller&) = delete;

  enum class State {
    kPulling,
    kArrived,  // all of it
    kOver,     // the workload has ended, or settled: nothing is wanted any more
    kCutOff,   // the source, or the way to it, has gone
  };
  State state() const { return state_; }
  std::string why_cut_off() const;
  uint64_t bytes_total() const { return far_.bytes_total(); }

 private:
  using Piece = memory::FarPages::Piece;
  class Lane;
  void take_over();
  void run(transport::Link& link, bool for_faults);
  void pull_faults(Lane& lane);
  void pull_rest(Lane& lane);
  std::optional<Piece> next_of_rest();
  void put(const Piece& piece, const memory::Decoded& batch, memory::PageSet& filled);
  void finish(const Piece& piece, const memory::PageSet& filled);
  bool is_over();
  void end(State state, const std::string& why = {});

  memory::PullAccess access_;
  memory::SharedState settling_;
  base::Fd lock_;  // one puller at a time: what it puts must still be missing
  memory::FarPages far_;
  base::Fd stop_;  // readable: the lanes end
  std::atomic<State> state_ = State::kPulling;
  mutable std::mutex mutex_;  // of the marks, as long as pages are being put; and all below
  uint64_t at_ = 0;           // where the rest has come to
  int pieces_under_way_ = 0;  // of the rest
  std::string why_;
  std::vector<transport::Link> lanes_;
  std::vector<std::thread> threads_;
};

}  // namespace ferry::migration
