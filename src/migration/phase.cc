// SPDX-License-Identifier: Apache-2.0
#include "migration/phase.h"

namespace ferry::migration {

std::string_view name_of(Source state) {
  switch (state) {
    case Source::kPreparing: return "preparing";
    case Source::kCopying: return "copying";
    case Source::kFreezing: return "freezing";
    case Source::kDumping: return "dumping";
    case Source::kSending: return "sending";
    case Source::kRestoring: return "restoring";
    case Source::kCommitted: return "committed";
    case Source::kServing: return "serving";
    case Source::kDone: return "done";
    case Source::kAborted: return "aborted";
    case Source::kInDoubt: return "in-doubt";
  }
  return "?";
}

std::string_view name_of(SourceEvent event) {
  switch (event) {
    case SourceEvent::kReady: return "ready";
    case SourceEvent::kCopied: return "copied";
    case SourceEvent::kFrozen: return "frozen";
    case SourceEvent::kDumped: return "dumped";
    case SourceEvent::kSent: return "sent";
    case SourceEvent::kRestored: return "restored";
    case SourceEvent::kRunning: return "running";
    case SourceEvent::kRunningFar: return "running-far";
    case SourceEvent::kArrived: return "arrived";
    case SourceEvent::kFailed: return "failed";
    case SourceEvent::kCancelled: return "cancelled";
    case SourceEvent::kNeverRan: return "never-ran";
    case SourceEvent::kTakenBack: return "taken-back";
  }
  return "?";
}

std::string_view name_of(Target state) {
  switch (state) {
    case Target::kPreparing: return "preparing";
    case Target::kReady: return "ready";
    case Target::kReceiving: return "receiving";
    case Target::kRestoring: return "restoring";
    case Target::kRestored: return "restored";
    case Target::kResuming: return "resuming";
    case Target::kRunning: return "running";
    case Target::kAborted: return "aborted";
  }
  return "?";
}

std::string_view name_of(TargetEvent event) {
  switch (event) {
    case TargetEvent::kPrepared: return "prepared";
    case TargetEvent::kFrozen: return "frozen";
    case TargetEvent::kRestoreAsked: return "restore-asked";
    case TargetEvent::kBuilt: return "built";
    case TargetEvent::kGranted: return "granted";
    case TargetEvent::kResumed: return "resumed";
    case TargetEvent::kFailed: return "failed";
    case TargetEvent::kAbortAsked: return "abort-asked";
    case TargetEvent::kLinkLost: return "link-lost";
    case TargetEvent::kTakenBack: return "taken-back";
  }
  return "?";
}

}  // namespace ferry::migration
