// SPDX-License-Identifier: Apache-2.0
//
// The states of a move as pure data: what may follow what, on either side. docs/phases.md shows the same tables
// (phase_test.cc compares them); journal.h writes each step down.
//
// Two fences. Entering Source::kFreezing stops the workload. Entering Source::kCommitted gives the right to run away: from
// there the source may run it again only on the target's word that its copy never ran (kNeverRan). On
// the target, Target::kResuming is the point of no return, written to disk before CRIU lets the tasks go.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace ferry::migration {

enum class Source {
  kPreparing,   // finding out, planning, asking the target
  kCopying,     // what can be sent while it runs
  kFreezing,    // fence: from here the workload is stopped
  kDumping,
  kSending,
  kRestoring,   // the target builds it
  kCommitted,   // fence: from here only the target may run it
  kServing,     // fence: it runs there, and the frozen copy here has memory that it still needs
  kDone,
  kAborted,     // it runs here as if nothing had happened
  kInDoubt,     // frozen here; the target does not answer
};
enum class SourceEvent {
  kReady, kCopied, kFrozen, kDumped, kSent, kRestored, kRunning,
  kRunningFar,  // post-copy: as kRunning, with memory that is still here
  kArrived,     // and it is needed no more
  kFailed,     // anything went wrong, here or there, or the link was lost
  kCancelled,  // Ctrl-C, `ferry cancel`
  kNeverRan,   // the target's word: its copy has not run and never will
  kTakenBack,  // what was dumped is not so: it goes on here for now, and will be frozen once more
};

enum class Target {
  kPreparing,
  kReady,      // capsule made, CRIU started, room reserved
  kReceiving,  // the workload is frozen at the source
  kRestoring,
  kRestored,   // built, not running: CRIU waits at post-restore
  kResuming,   // point of no return
  kRunning,
  kAborted,    // never ran, and dead
};
enum class TargetEvent {
  kPrepared, kFrozen, kRestoreAsked, kBuilt, kGranted, kResumed,
  kFailed,
  kAbortAsked,
  kLinkLost,
  kTakenBack,
};

inline constexpr std::array kSourceStates = {
    Source::kPreparing, Source::kCopying,   Source::kFreezing, Source::kDumping, Source::kSending,
    Source::kRestoring, Source::kCommitted, Source::kServing,  Source::kDone,    Source::kAborted, Source::kInDoubt};
inline constexpr std::array kSourceEvents = {
    SourceEvent::kReady,    SourceEvent::kCopied,  SourceEvent::kFrozen, SourceEvent::kDumped,    SourceEvent::kSent,
    SourceEvent::kRestored, SourceEvent::kRunning, SourceEvent::kRunningFar, SourceEvent::kArrived, SourceEvent::kFailed,
    SourceEvent::kCancelled, SourceEvent::kNeverRan, SourceEvent::kTakenBack};
inline constexpr std::array kTargetStates = {Target::kPreparing, Target::kReady,    Target::kReceiving, Target::kRestoring,
                                             Target::kRestored,  Target::kResuming, Target::kRunning,   Target::kAborted};
inline constexpr std::array kTargetEvents = {
    TargetEvent::kPrepared, TargetEvent::kFrozen, TargetEvent::kRestoreAsked, TargetEvent::kBuilt,   TargetEvent::kGranted,
    TargetEvent::kResumed,  TargetEvent::kFailed, TargetEvent::kAbortAsked,   TargetEvent::kLinkLost,
    TargetEvent::kTakenBack};

template <typename State, typename Event>
struct Transition {
  State from;
  Event event;
  State to;
};

inline constexpr std::array kSourceTable = [] {
  using S = Source;
  using E = SourceEvent;
  using T = Transition<S, E>;
  return std::array{
      T{S::kPreparing, E::kReady, S::kCopying},
      T{S::kPreparing, E::kFailed, S::kAborted},
      T{S::kPreparing, E::kCancelled, S::kAborted},
      T{S::kCopying, E::kCopied, S::kFreezing},
      T{S::kCopying, E::kFailed, S::kAborted},
      T{S::kCopying, E::kCancelled, S::kAborted},
      T{S::kFreezing, E::kFrozen, S::kDumping},
      T{S::kFreezing, E::kFailed, S::kAborted},
      T{S::kFreezing, E::kCancelled, S::kAborted},
      T{S::kDumping, E::kDumped, S::kSending},
      T{S::kDumping, E::kFailed, S::kAborted},
      T{S::kDumping, E::kCancelled, S::kAborted},
      T{S::kSending, E::kSent, S::kRestoring},
      T{S::kSending, E::kTakenBack, S::kCopying},
      T{S::kSending, E::kFailed, S::kAborted},
      T{S::kSending, E::kCancelled, S::kAborted},
      T{S::kRestoring, E::kRestored, S::kCommitted},
      T{S::kRestoring, E::kFailed, S::kAborted},
      T{S::kRestoring, E::kCancelled, S::kAborted},
      T{S::kRestoring, E::kNeverRan, S::kAborted},
      T{S::kCommitted, E::kRunning, S::kDone},
      T{S::kCommitted, E::kRunningFar, S::kServing},
      T{S::kCommitted, E::kNeverRan, S::kAborted},
      T{S::kCommitted, E::kFailed, S::kInDoubt},
      T{S::kCommitted, E::kCancelled, S::kCommitted},  // too late
      T{S::kServing, E::kArrived, S::kDone},
      T{S::kServing, E::kFailed, S::kServing},     // the link: both stay as they are
      T{S::kServing, E::kCancelled, S::kServing},
      T{S::kInDoubt, E::kRunning, S::kDone},
      T{S::kInDoubt, E::kRunningFar, S::kServing},
      T{S::kInDoubt, E::kNeverRan, S::kAborted},
      T{S::kInDoubt, E::kFailed, S::kInDoubt},
      T{S::kInDoubt, E::kCancelled, S::kInDoubt},
  };
}();

inline constexpr std::array kTargetTable = [] {
  using S = Target;
  using E = TargetEvent;
  using T = Transition<S, E>;
  return std::array{
      T{S::kPreparing, E::kPrepared, S::kReady},
      T{S::kPreparing, E::kFailed, S::kAborted},
      T{S::kPreparing, E::kAbortAsked, S::kAborted},
      T{S::kPreparing, E::kLinkLost, S::kAborted},
      T{S::kReady, E::kFrozen, S::kReceiving},
      T{S::kReady, E::kFailed, S::kAborted},
      T{S::kReady, E::kAbortAsked, S::kAborted},
      T{S::kReady, E::kLinkLost, S::kAborted},
      T{S::kReceiving, E::kRestoreAsked, S::kRestoring},
      T{S::kReceiving, E::kTakenBack, S::kReady},
      T{S::kReceiving, E::kFailed, S::kAborted},
      T{S::kReceiving, E::kAbortAsked, S::kAborted},
      T{S::kReceiving, E::kLinkLost, S::kAborted},
      T{S::kRestoring, E::kBuilt, S::kRestored},
      T{S::kRestoring, E::kFailed, S::kAborted},
      T{S::kRestoring, E::kAbortAsked, S::kAborted},
      T{S::kRestoring, E::kLinkLost, S::kAborted},
      T{S::kRestored, E::kGranted, S::kResuming},
      T{S::kRestored, E::kFailed, S::kAborted},
      T{S::kRestored, E::kAbortAsked, S::kAborted},
      T{S::kRestored, E::kLinkLost, S::kAborted},
      T{S::kResuming, E::kResumed, S::kRunning},
      T{S::kResuming, E::kFailed, S::kAborted},    // CRIU failed after the gate, before the first instruction
      T{S::kResuming, E::kLinkLost, S::kResuming},  // the grant holds without the link
      T{S::kResuming, E::kAbortAsked, S::kResuming},
      T{S::kRunning, E::kLinkLost, S::kRunning},
      T{S::kRunning, E::kAbortAsked, S::kRunning},
      T{S::kRunning, E::kFailed, S::kRunning},      // of the tidying up afterwards
  };
}();

// Nothing: that event cannot come in that state (our bug, or a peer that breaks the protocol).
template <typename State, typename Event, size_t N>
constexpr std::optional<State> next(const std::array<Transition<State, Event>, N>& table, State from, Event event) {
  for (const auto& row : table) {
    if (row.from == from && row.event == event) return row.to;
  }
  return std::nullopt;
}
constexpr std::optional<Source> next(Source from, SourceEvent event) { return next(kSourceTable, from, event); }
constexpr std::optional<Target> next(Target from, TargetEvent event) { return next(kTargetTable, from, event); }

// States whose record must be on disk before anything that follows from them is done.
constexpr bool is_fence(Source state) {
  return state == Source::kCommitted || state == Source::kServing || state == Source::kDone || state == Source::kAborted || state == Source::kInDoubt;
}
constexpr bool is_fence(Target state) {
  return state == Target::kResuming || state == Target::kRunning || state == Target::kAborted;
}
constexpr bool is_end(Source state) { return state == Source::kDone || state == Source::kAborted; }
constexpr bool is_end(Target state) { return state == Target::kRunning || state == Target::kAborted; }
// Before the commit point a failure leads back to the source running.
constexpr bool is_before_commit(Source state) { return state < Source::kCommitted; }

std::string_view name_of(Source state);
std::string_view name_of(SourceEvent event);
std::string_view name_of(Target state);
std::string_view name_of(TargetEvent event);

}  // namespace ferry::migration
