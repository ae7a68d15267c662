// SPDX-License-Identifier: Apache-2.0
//
// All that the filler must not forget when it is killed, in memory shared by the filler, its
// guardian and the ferry that started them; and how they talk: flags that say what is wanted and
// what is, never messages that could be lost with their reader.
//
// The heart is a log. read(2) of a userfaultfd puts its events right into it, so that an event
// which the kernel has given away is in the log, whatever happens to the reader next. A new filler
// computes from the log where everything belongs. Faults need no record: those who wait are woken
// and ask again. Nothing is ever overwritten but what has had no effect.
#pragma once

#include <linux/userfaultfd.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/fd.h"
#include "memory/arrivals.h"
#include "memory/store.h"

namespace ferry::memory {

inline constexpr size_t kLogMessages =
    4;  // per read(2): faults come by threads, events seldom more than one at a time
struct LogEntry {
  enum class Kind : uint32_t { kNothing, kArrived, kRead, kGone };
  Kind kind = Kind::kNothing;
  uint32_t member = 0;                       // kRead, kGone: in the order of arrivals and forks
  int32_t pid = 0, host_pid = 0, uffd = -1;  // kArrived
  uint32_t unused = 0;
  uffd_msg messages[kLogMessages] = {};  // kRead: those after the last are zero
};
// An entry is kept only where it took a stored page its place, or for a fork: no more than pages
// and forks. Sparse: costs what is used.
inline constexpr size_t kLogEntries = size_t{1} << 22;

inline constexpr uint32_t kWantServe = 1, kWantPrefill = 2, kWantFill = 4, kWantAbort = 8;
enum class Prefilled : uint32_t { kNo, kDone, kUncovered };
enum class Outcome : uint32_t { kOpen, kSettled, kLost };

struct StateHeader {
  // Descriptors, the same numbers in both processes.
  int32_t state = -1, store = -1, plan = -1, listener = -1, commands = -1, news = -1, marker = -1,
          owner = -1, alive = -1, far = -1, asked = -1,  // these two: -1 without post-copy
          premapped_listener = -1;               // -1: nobody will say anything there
  std::atomic<uint32_t> tasks = 0;               // that are restored, whether they have pages or not
  std::atomic<uint32_t> premapped = 0;           // of them, have been heard of
  char marker_path[256] = {};
  char job[64] = {};  // of the move that brought it
  std::atomic<int32_t> filler_pid = 0, guardian_pid = 0;
  std::atomic<int32_t> filler_pidfd = -1, guardian_pidfd = -1;

  std::atomic<uint32_t> wanted = 0;
  std::atomic<Prefilled> prefilled = Prefilled::kNo;
  std::atomic<uint64_t> uncovered_pid = 0, uncovered_start = 0;
  std::atomic<uint32_t> restored = 0;
  std::atomic<Outcome> outcome = Outcome::kOpen;

  std::atomic<uint64_t> bytes_total = 0, bytes_left = 0, faults = 0, worst_fault_ns = 0, events = 0,
                        forks = 0, takeovers = 0, unplaced_bytes = 0, fill_began_ns = 0,
                        fill_ended_ns = 0, cpu_ns = 0, premapped_bytes = 0,
                        left_at_resume = 0;
  std::atomic<uint64_t> far_total = 0, far_left = 0;  // bytes still at the source
  char trouble[256] = {};
  Keepsake arrivals;
  std::atomic<uint64_t> log_end = 0;  // the entry at the end is being written
};

base::Fd make_memfd(const char* name);

// The mapping; the descriptor is not needed after it.
class SharedState {
 public:
  static base::Fd make();  // a memfd, zeros
  explicit SharedState(int fd);
  SharedState(SharedState&& other) noexcept;
  SharedState& operator=(SharedState&&) = delete;
  ~SharedState();

  StateHeader& header() const { return *header_; }
  StateHeader* operator->() const { return header_; }
  std::span<const LogEntry> log() const { return {log_, header_->log_end}; }
  LogEntry& log_tail() const;  // to be filled, then kept (or cleared)
  void keep_tail() const { ++header_->log_end; }
  void set_trouble(const char* text) const;

 private:
  StateHeader* header_ = nullptr;
  LogEntry* log_ = nullptr;
};

// Into the file by which other ferries find the state: who has it open. Not at all when nobody will
// ask.
void write_marker(const SharedState& state, pid_t holder);
// The descriptor of the state in that process. Nothing: it cannot be told.
std::optional<base::Fd> try_open_marked_state(int marker);

// The spaces of the store for a process that has only its descriptor.
void write_plans(int fd, std::span<const SpacePlan> plans);
std::vector<SpacePlan> read_plans(int fd);

}  // namespace ferry::memory
