// SPDX-License-Identifier: Apache-2.0
//
// The source's half of the memory plane: which pages the target does not have yet, round by round, and their way there. While the
// workload runs, scan() and send() take turns; once it is frozen, scan_frozen() finds what is left, which the lanes then carry
// while CRIU dumps.
//
// Its end, at whatever point, leaves nothing in the workload: the trackers unregister its memory.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "criu/hidden_memory.h"
#include "memory/codec_chooser.h"
#include "memory/shared_writes.h"
#include "memory/workload_tracker.h"
#include "migration/events.h"
#include "migration/lane_sender.h"
#include "migration/page_encoder.h"
#include "migration/page_server.h"

namespace ferry::migration {

class MemoryCopy {
 public:
  // The lanes' threads are idle until something is sent.
  MemoryCopy(pid_t root, memory::WorkloadTracker tracker, std::vector<transport::Link> lanes, Conversation& talk, uint64_t bandwidth);

  // Running: finds what was written since the last scan, everything at first.
  void scan();
  // Sends what it has found. `meanwhile` may throw to end it.
  void send(const std::function<void()>& meanwhile);

  // The next scan asks for all flags anew (memory/workload_tracker.h).
  void distrust_flags() { tracker_.distrust_flags(); }

  // Frozen.
  // Post-copy: what is not needed for a start stays here, to be asked for; the rest is found, to be sent.
  void scan_frozen(bool post_copy);
  void begin_send() { begin(); }
  void finish_send(const std::function<void()>& meanwhile);
  // CRIU has seized the tasks: sends what the kernel wrote then (migration/late_writes.h).
  void send_late_writes(const std::function<void()>& meanwhile);
  // What CRIU is not to see, from the last scan, with the smaps that it gets for each process (of our pid namespace), by the pids
  // that CRIU knows: the workload's own where it runs inside, ours where it does not.
  enum class CriuIs { kInside, kOutside };
  std::map<pid_t, criu::HiddenTask> hidden(CriuIs criu, const std::function<std::string(pid_t)>& smaps_of) const;
  // What the target's store must know besides.
  void describe(wire::Restore& request) const;
  // The same as soon as it is frozen, of a workload of one task; nothing: it has more. `smaps`: its own, as in hidden().
  std::optional<wire::FrozenMemory> describe_frozen(const std::string& smaps);

  // Post-copy: whose memory is asked for, and the lanes on which. Nothing can be sent afterwards.
  ServedSpaces served() const;
  std::vector<transport::Link> release_lanes() { return lanes_.release(); }

  // Running: what CRIU would write into its images now (memory/criu_pages.h), in parts.
  void read_pages_for_criu(const std::function<void(std::span<const std::byte> pages)>& take) const;

  std::vector<pid_t> pids() const;  // of the workload, now
  // By what tracks its own memory. Not to be used any more when this object has gone.
  memory::SharedWrites shared_writes() const;
  uint64_t found_bytes() const { return found_bytes_; }      // by the last scan
  // Of tasks that no scan tells of, as far as the last one knows: it goes when they are frozen, whole.
  struct Untracked {
    uint64_t bytes = 0;
    std::string why;  // of one of them; empty: there are none
  };
  Untracked untracked() const;
  double since_last_scan_ms() const { return since_last_scan_ms_; }
  double bytes_per_ms() const { return bytes_per_ms_; }      // of memory, as the rounds so far were sent
  uint64_t bytes_sent() const { return lanes_.bytes_sent(); }
  const memory::Support& support() const { return tracker_.support(); }

 private:
  void take(memory::WorkloadRound round);
  wire::TaskMemory describe(const memory::SpaceRound& space) const;
  void carry_over(memory::SpaceRound& now);
  void hold_back();
  void look_at_threads();
  void cut_for_lanes(const memory::SpaceRound& space, const memory::PageSet& pages, const memory::PageSet* zero);
  void begin();
  void begin_pieces();
  void finish_pieces(const std::function<void()>& meanwhile);

  pid_t root_;
  memory::WorkloadTracker tracker_;
  transport::Pace pace_;
  memory::CodecChooser codecs_;
  std::deque<PageEncoder> encoders_;  // one per worker of the lanes
  memory::WorkloadRound round_;       // found by the last scan
  struct Left {
    memory::PageSet written, zero;
  };
  std::map<int32_t, Left> left_;  // by the space's name: found by a scan and not sent since
  std::map<int32_t, memory::PageSet> sent_;  // by the space's name: pages of which the target may hold something
  std::map<int32_t, memory::PageSet> far_;   // post-copy: what stays here
  struct Stopped {
    memory::PageSet first, late;  // migration/first_pages.h, late_writes.h
  };
  std::map<int32_t, Stopped> stopped_;  // by the space's name, of all that the last scan of frozen tasks has found
  std::vector<PagePiece> pieces_;
  LaneSender lanes_;  // the last of these: its threads use the others until it ends

  std::optional<wire::TaskMemory> described_;  // since the last scan
  unsigned batches_ = 0;
  base::MonoTime scanned_at_{}, began_{};
  uint64_t found_bytes_ = 0, sent_before_ = 0;
  double since_last_scan_ms_ = 0, bytes_per_ms_ = 0;
};

}  // namespace ferry::migration
