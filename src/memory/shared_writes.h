// SPDX-License-Identifier: Apache-2.0
//
// Which pages of a memory that tasks share are for certain as they were at the last look. A page is, if it is protected (tracker.h) in every mapping that any
// of the tasks has of it, if those mappings are the ones of the last look, if nobody has removed it (removal_witness.h), and if no task has forked
// since: a child's writes are not told, and it may have gone again. Whatever is in doubt counts as written.
//
// Only anonymous memory is tracked. A memfd is written by write(2), too, through descriptors that may be on their way in a socket.
// Not seen: a second mapping of the same memory (mremap(2) with a size of zero) that was made, written and unmapped between two looks.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kernel/fork_watch.h"
#include "memory/page_set.h"
#include "memory/removal_witness.h"
#include "memory/shared_memory.h"
#include "memory/tracker.h"

namespace ferry::memory {

// One memory at one look.
struct SharedRound {
  SharedMemory memory;
  PageSet unwritten;          // since the look before; by offset in the memory, in bytes
  std::string why_untracked;  // for a reader; empty: the next look tells
};

class SharedWrites {
 public:
  using Pids = std::function<std::vector<pid_t>()>;      // the tasks now
  using TrackerOf = std::function<Tracker*(pid_t pid)>;  // nullptr: it has none that could tell
  SharedWrites(Pids pids, TrackerOf tracker_of) : pids_(std::move(pids)), tracker_of_(std::move(tracker_of)) {}

  // They run. What is written after this call, the next one tells: the content may be read at leisure.
  std::vector<SharedRound> round();
  // They stand still. When the move fails, round() goes on as before.
  std::vector<SharedMemory> last_look();
  // Of one of those, by any thread (it takes `threads` of them), as long as they stand still and their trackers have nothing else to do. Nothing
  // when that does not matter any more (`ended`).
  PageSet unwritten(const SharedMemory& memory, size_t threads, const std::atomic<bool>& ended) const;

 private:
  // By process and by how far addresses are from offsets (modulo 2^64): the addresses.
  using Places = std::map<std::pair<pid_t, uint64_t>, PageSet>;
  struct Known {
    Places places;
    PageSet tracked;  // by offset: all that had content
    std::optional<RemovalWitness> witness;
  };
  static Places places_of(const SharedMemory& memory);
  bool nobody_forked();
  bool open_watch(const std::vector<SharedMemory>& memories);
  std::string why_not(const SharedMemory& memory) const;
  bool track(SharedRound& round, Known& known, bool same_tasks) const;
  std::optional<PageSet> unwritten_since(const SharedMemory& memory, const Known& known, size_t threads, const std::atomic<bool>& ended) const;

  Pids pids_;
  TrackerOf tracker_of_;
  std::optional<kernel::ForkWatch> watch_;  // since there was a memory to track
  bool cannot_watch_ = false;
  std::vector<pid_t> watched_;
  std::map<uint64_t, Known> known_;  // by inode
};

}  // namespace ferry::memory
