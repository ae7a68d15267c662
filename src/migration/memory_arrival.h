// SPDX-License-Identifier: Apache-2.0
//
// The target's half of the memory plane: pages come in on the lanes and wait in the store; from the restore on they are filled into
// the workload, by processes of their own that outlive this one (memory/settling.h).
#pragma once

#include <optional>

#include "memory/settling.h"
#include "memory/store.h"
#include "migration/lane_receiver.h"
#include "migration/page_puller.h"
#include "migration/reserve_filler.h"
#include "migration/wire.pb.h"

namespace ferry::migration {

class MemoryArrival {
 public:
  // Those who will put it in place are started, and wait. Throws Error when an earlier arrival is still settling.
  MemoryArrival(const wire::Plan& plan, const base::Path& lazy_pages_directory);
  // So many connections will come through the listener.
  void expect_lanes(transport::Listener& listener, const transport::Key& key, int lanes);

  // A frame that came beside the messages (a move without lanes), and the mark behind such.
  void take(std::span<const std::byte> payload) { put(payload, tunnel_round_); }
  void mark() { ++tunnel_round_; }

  // The source has frozen it, and what it sends on the lanes now is the last: it goes into the reserve. Said once more, or taken back:
  // it is not as it was said to be, and what is in the reserve is of no use.
  void fill_reserve(criu::Reserve& reserve, const wire::FrozenMemory& frozen);
  void forget_reserve() { reserve_filler_.reset(); }
  // All pages are here. What the source has told besides is applied, and from now on faults are answered: CRIU may restore.
  void serve(const wire::Restore& request);
  void prefill();
  // It runs: the rest is put in place in the background.
  void begin_fill();
  // Post-copy: some of it is still at the source. Throws LinkLost when that, or the way to it, has gone. Returns the bytes that came.
  bool has_far() const { return puller_.has_value(); }
  uint64_t wait_until_arrived();
  // Until all is in place, or it has ended before.
  wire::Settled wait_until_settled();
  // The tasks have been killed.
  void abort() noexcept;

 private:
  void put(std::span<const std::byte> payload, unsigned round);
  void apply(const wire::Restore& request);
  void apply(const wire::TaskMemory& space);

  memory::Store store_;
  unsigned tunnel_round_ = 0;
  std::optional<LaneReceiver> lanes_;
  memory::Settling settling_;
  std::optional<PagePuller> puller_;
  bool had_reserve_ = false;
  std::optional<ReserveFiller> reserve_filler_;
  base::MonoTime began_{};
};

// Returns when no earlier move of that workload is still being settled on this host: a dump would find pages missing. Throws
// Cancelled when `wake_fd` becomes readable, Error when it takes too long.
void wait_for_settling(const std::string& name, int wake_fd, const std::function<void(std::string_view)>& notice);

}  // namespace ferry::migration
