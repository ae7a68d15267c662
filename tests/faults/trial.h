// SPDX-License-Identifier: Apache-2.0
//
// What one trial of the kill campaign does to a move: drawn from a seed and the trial's number, so that each can be had again.
// The first kCoverage numbers go through every victim at every phase; those after it are drawn freely. Or, draw_kill(), the
// ferry of a service is killed at any moment at all, on the way there or back; or, draw_release(), the CRIU that lets it go.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace ferry::faults {

enum class Kind {
  kService,  // a capsule with an address of its own and clients
  kCapsule,  // a capsule on the host's network
  kTree,     // a bare process, moved by its pid
};
enum class Victim {
  kSourceFerry, kTargetFerry,  // `ferry move`, `ferry receive`; their guards live
  kSourceCriu, kTargetCriu,
  kSourceAll, kTargetAll,      // all of ferry and CRIU on one host, guards too
  kEverything,                 // on both hosts
  kConnection,                 // the control connection alone is shut down
  kLink,                       // the target's link goes down, and comes up again
  kMute,                       // its packets are dropped for a while; nobody is told
  kCutOff,                     // `ferry move` and `ferry receive`, while the link is down: their guards cannot ask each other
  kJournal,                    // a line cannot be written, or the writer dies instead
};
inline constexpr int kVictims = 12;

// Where in the move it happens.
enum class Phase { kBeforeFreeze, kDump, kSend, kRestore, kRestored, kCommitted, kResuming };
inline constexpr int kPhases = 7;
inline constexpr uint64_t kCoverage = kVictims * kPhases;

struct Trial {
  uint64_t seed = 0, index = 0;
  Kind kind = Kind::kService;
  Victim victim = Victim::kSourceFerry;
  Phase phase = Phase::kBeforeFreeze;
  bool back = false;      // the move back is struck; the one there was left alone
  std::string point;      // where ferry stops itself: "source.frozen"; before a line is written: "journal.committed"; empty: nowhere
  std::string action;     // "pause"; of kJournal "fail" or "kill"
  int visit = 0;          // of the point; 0: the first
  double delay_ms = 0;    // from there to the blow; 0: while it is stopped
  int outage_ms = 0;      // how long a link stays away
  double part = 0;        // without a point: of the time that an undisturbed move takes

  bool is_outage() const { return outage_ms > 0; }
  std::string faults() const;    // for FERRY_FAULTS
  std::string describe() const;  // "service source-ferry at source.frozen+3.2ms"
};

Trial draw_trial(uint64_t seed, uint64_t index);
Trial draw_kill(uint64_t seed, uint64_t index);
Trial draw_release(uint64_t seed, uint64_t index);

}  // namespace ferry::faults
