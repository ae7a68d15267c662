// SPDX-License-Identifier: Apache-2.0
//
// What a move tells while it runs, and what is left to read afterwards.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace ferry::migration {

// One pass of pre-copy.
struct Round {
  int number = 0;              // from 1
  double start_ms = 0, ms = 0; // since the move was asked for; of sending
  uint64_t dirty_bytes = 0;    // written since the round before; all there is in the first one
  uint64_t sent_bytes = 0;     // on the wire: compressed, without zero pages
  double dirty_bytes_per_s = 0;     // since the scan before; 0 in the first one
  double copied_bytes_per_s = 0;    // of the workload's memory
  double expected_pause_ms = 0;     // if it were frozen before this round; 0 in the first one
  int throttle_percent = 0;         // of its time it was stopped meanwhile
};

struct Observer {
  std::function<void(std::string_view phase)> phase = [](std::string_view) {};
  std::function<void(std::string_view text)> notice = [](std::string_view) {};
  std::function<void(uint64_t done, uint64_t total)> bytes = [](uint64_t, uint64_t) {};
  std::function<void(const Round&)> round = [](const Round&) {};  // when it has ended
};

struct PhaseTime {
  std::string name;
  double start_ms = 0;  // since the move was asked for
  double ms = 0;
};

// Phases follow each other without gaps: starting one ends the one before.
class PhaseClock {
 public:
  explicit PhaseClock(const Observer& observer) : observer_(observer) {}
  void start(std::string name);
  void stop();
  double elapsed_ms() const { return base::ms_between(began_, base::mono_now()); }
  const std::vector<PhaseTime>& phases() const { return phases_; }

 private:
  const Observer& observer_;
  base::MonoTime began_ = base::mono_now();
  std::vector<PhaseTime> phases_;
  bool running_ = false;
};

// What became of the packets that came for the workload in the pause (handover/parking.h).
struct ParkingReport {
  bool on = false;
  std::string why_not;
  uint64_t frames = 0, bytes = 0;  // waited at the target and were given to it there
  uint64_t overflow = 0;           // too many: dropped
  uint64_t held = 0;               // that it sent itself before its port was open: sent on
  uint64_t late = 0;               // that it had sent before its gate was shut, and came to the segment after that
  uint64_t forwarded = 0;          // of the frames those that still came to the source
  double takeover_ms = 0;          // from its port's end at the source until the segment was told
};

// What the move cost one host. Of the target it is known when its memory was moved by ferry.
struct Cost {
  double cpu_ms = 0;            // of ferry and all that it ran, CRIU too
  uint64_t peak_rss_bytes = 0;  // of ferry itself; the store, a memfd that is not mapped, is no part of it
};

// How much a workload was slowed that writes faster than the copy runs (throttle.h).
struct ThrottleReport {
  int most_percent = 0;    // that was allowed; 0: none
  int percent = 0;         // at the end
  double ms = 0;           // from the first stop to the freeze
  double stopped_ms = 0;   // of it
};

// Open TCP connections to others, when the move was asked for.
struct TcpReport {
  std::string_view policy = "keep";
  size_t connections = 0;
};

struct Report {
  std::string job, name, source, target;
  std::string result = "failed";  // moved, failed, refused, cancelled, in-doubt
  std::string engine = "process"; // or the container's: "docker"
  std::string mode = "stop";      // stop, pre, …: what was done
  std::string tracking;           // what told its rounds what was written (memory::Backend); empty: there were none
  std::string via;                // "tls" or "ssh"
  double frozen_ms = 0;           // freeze to resume, by ferry's clocks, the hosts' difference removed
  double total_ms = 0;
  int64_t frozen_real_ns = 0, resumed_real_ns = 0;  // CLOCK_REALTIME of the source
  bool unharmed = true;  // unless moved: it goes on at the source
  uint64_t bytes_sent = 0, memory_bytes = 0;
  uint64_t shared_bytes = 0;      // of memory that tasks share
  uint64_t shared_last_bytes = 0;  // of it, sent within the pause
  uint64_t image_bytes = 0;       // of CRIU's images, sent within the pause
  std::vector<PhaseTime> phases;
  std::vector<Round> rounds;
  int taken_back = 0;             // freezes that were: what had been dumped was not so any more
  bool flags_changed = false;     // why it failed: source_again.cc
  double expected_pause_ms = 0;   // when it was decided to freeze; 0: nothing was expected
  std::string freeze_reason;      // in words
  double settle_ms = 0;           // from running until all of the memory was in place
  uint64_t left_at_resume = 0;    // bytes that were not in place yet when it began to run
  uint64_t faults = 0;            // pages that it had to wait for meanwhile
  double worst_fault_ms = 0;
  Cost source_cost;
  std::optional<Cost> target_cost;
  TcpReport tcp;
  std::string service_address;    // of the host, that moves with it; empty: none
  ParkingReport parking;
  std::vector<std::string> relay;  // published ports of the source that lead to the target now
  ThrottleReport throttle;
  uint64_t pulled_bytes = 0;      // of memory: after it ran on the target (post-copy)
  base::Explanation error;        // unless moved
  std::string journal;
};

std::string to_json(const Report& report);

}  // namespace ferry::migration
