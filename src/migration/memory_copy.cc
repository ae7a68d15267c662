// SPDX-License-Identifier: Apache-2.0
#include "migration/memory_copy.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "kernel/procfs.h"
#include "memory/criu_pages.h"
#include "memory/page_reader.h"
#include "migration/first_pages.h"
#include "migration/late_writes.h"
#include "process/tree.h"

namespace ferry::migration {

namespace {

// A smaller round says nothing about the link: it ends before the connection has found its speed.
constexpr uint64_t kTellingBytes = 4 << 20;
constexpr uint64_t kReadAtOnce = 1 << 20;

std::vector<kernel::CurrentCall> calls_of(pid_t pid) {
  std::vector<kernel::CurrentCall> calls;
  for (const pid_t tid : kernel::threads_of(pid)) {
    if (const auto call = kernel::current_call(pid, tid)) calls.push_back(*call);
  }
  return calls;
}

}  // namespace

MemoryCopy::MemoryCopy(pid_t root, memory::WorkloadTracker tracker, std::vector<transport::Link> lanes, Conversation& talk, uint64_t bandwidth)
    : root_(root),
      tracker_(std::move(tracker)),
      pace_(bandwidth),
      codecs_(static_cast<unsigned>(std::max<size_t>(lanes.size(), 1))),
      lanes_(std::move(lanes), talk, pace_) {
  for (size_t i = 0; i < lanes_.workers(); ++i) encoders_.emplace_back(codecs_);
}

std::vector<pid_t> MemoryCopy::pids() const { return process::read_tree(root_).pids; }

memory::SharedWrites MemoryCopy::shared_writes() const {
  return {[this] { return pids(); }, [this](pid_t pid) { return tracker_.tracker_of(pid); }};
}

void MemoryCopy::read_pages_for_criu(const std::function<void(std::span<const std::byte> pages)>& take) const {
  std::vector<std::byte> buffer(kReadAtOnce);
  for (const auto& space : round_.spaces) {
    auto reader = memory::PageReader::try_open(space.pid);
    const auto pages = memory::pages_for_criu(space.pid, space.plane);
    for (const auto& range : pages) {
      for (uint64_t at = range.start; reader && at < range.end; at += kReadAtOnce) {
        const memory::AddressRange part{at, std::min(range.end, at + kReadAtOnce)};
        const auto content = std::span(buffer).first(part.bytes());
        if (reader->read({&part, 1}, content) == std::vector{part}) take(content);  // else some of it has just gone
      }
    }
  }
}

void MemoryCopy::scan() { take(tracker_.round(pids())); }

void MemoryCopy::scan_frozen(bool post_copy) {
  take(tracker_.last_round(pids()));
  look_at_threads();
  if (post_copy) hold_back();
}

// Once: of a thousand threads it takes some milliseconds, within the pause.
void MemoryCopy::look_at_threads() {
  stopped_.clear();
  for (const auto& space : round_.spaces) {
    auto& [first, late] = stopped_[space.inner_pid];
    const auto calls = calls_of(space.pid);
    first = first_pages(space.pid, calls);
    late = late_writes(calls);
    for (const pid_t other : space.shared) late.insert(late_writes(calls_of(other)));
    late = late.intersection(space.plane.pages());
    for (const auto& guard : space.scan.guards) late.erase(guard);
  }
}

MemoryCopy::Untracked MemoryCopy::untracked() const {
  Untracked untracked;
  for (const auto& space : round_.spaces) {
    if (space.tracked) continue;
    untracked.bytes += kernel::resident_bytes(space.pid);
    untracked.why = fmt::format("process {}: {}", space.pid, space.why_untracked);
  }
  return untracked;
}

// Zeros cost nothing to tell, and the first pages are read before anyone could ask. What was found earlier and has no content any more
// must not be asked for: it may be a guard by now.
void MemoryCopy::hold_back() {
  far_.clear();
  for (auto& space : round_.spaces) {
    auto [now, late] = stopped_.at(space.inner_pid);
    now.insert(space.scan.zero);
    now.insert(late);
    auto far = space.scan.written.difference(now).intersection(space.scan.present);
    space.scan.written = space.scan.written.intersection(now);
    if (!far.empty()) far_.emplace(space.inner_pid, std::move(far));
  }
  found_bytes_ = round_.written_pages() * memory::kPageBytes;
}

ServedSpaces MemoryCopy::served() const {
  ServedSpaces served;
  for (const auto& space : round_.spaces) {
    if (!far_.contains(space.inner_pid)) continue;
    served.emplace(space.inner_pid, kernel::find_process(space.pid).value_or(kernel::ProcessId{}));
  }
  return served;
}

void MemoryCopy::take(memory::WorkloadRound round) {
  const auto now = base::mono_now();
  since_last_scan_ms_ = scanned_at_ == base::MonoTime{} ? 0 : base::ms_between(scanned_at_, now);
  scanned_at_ = now;
  for (auto& space : round.spaces) carry_over(space);
  round_ = std::move(round);
  described_.reset();
  found_bytes_ = round_.written_pages() * memory::kPageBytes;
}

// What a scan has found and nobody has sent was protected again, so this one does not tell of it. Nor does a later one, if
// the page is of no plane just now (locked, say): it waits until it is.
void MemoryCopy::carry_over(memory::SpaceRound& now) {
  auto& left = left_[now.inner_pid];
  if (now.fresh) left = {};
  const auto before = left.written.difference(now.scan.written).intersection(now.plane.pages());
  now.scan.zero.insert(left.zero.intersection(before));
  left.zero = left.zero.difference(now.scan.written);
  now.scan.written.insert(before);
  left.written.insert(now.scan.written);
  left.zero.insert(now.scan.zero);
}

void MemoryCopy::send(const std::function<void()>& meanwhile) {
  begin();
  finish_send(meanwhile);
}

// `zero`: known to be so.
void MemoryCopy::cut_for_lanes(const memory::SpaceRound& space, const memory::PageSet& pages, const memory::PageSet* zero) {
  PagePiece piece;
  piece.pid = space.pid;
  piece.space = space.inner_pid;
  piece.zero = zero;
  piece.known = &sent_[space.inner_pid];
  // Merged before several threads look.
  if (zero != nullptr) (void)zero->ranges();
  (void)piece.known->ranges();
  cut(pages, piece, pieces_);
}

void MemoryCopy::begin() {
  CHECK(pieces_.empty());
  for (const auto& space : round_.spaces) cut_for_lanes(space, space.scan.written, &space.scan.zero);
  began_ = base::mono_now();
  sent_before_ = lanes_.bytes_sent();
  begin_pieces();
}

void MemoryCopy::begin_pieces() {
  ++batches_;
  lanes_.begin(pieces_.size(), [this](size_t piece, size_t worker, const LaneSender::Emit& emit) {
    encoders_[worker].encode(pieces_[piece], emit);
  });
}

// A GiB is 16,384 pieces, which take milliseconds to free: not once it is frozen.
void MemoryCopy::finish_pieces(const std::function<void()>& meanwhile) {
  lanes_.finish(meanwhile);
  for (auto& encoder : encoders_) encoder.forget_tasks();
  pieces_.clear();
}

void MemoryCopy::send_late_writes(const std::function<void()>& meanwhile) {
  for (const auto& space : round_.spaces) {
    const auto& late = stopped_.at(space.inner_pid).late;
    sent_[space.inner_pid].insert(late);
    cut_for_lanes(space, late, nullptr);
  }
  if (pieces_.empty()) return;
  begin_pieces();
  finish_pieces(meanwhile);
}

void MemoryCopy::finish_send(const std::function<void()>& meanwhile) {
  finish_pieces(meanwhile);
  for (const auto& space : round_.spaces) {
    sent_[space.inner_pid].insert(space.scan.written);
    auto& left = left_[space.inner_pid];
    left.written = left.written.difference(space.scan.written);
    left.zero = left.zero.intersection(left.written);
  }
  const double took_ms = base::ms_between(began_, base::mono_now());
  const uint64_t wire = lanes_.bytes_sent() - sent_before_;
  if (found_bytes_ >= kTellingBytes && took_ms > 0) bytes_per_ms_ = static_cast<double>(found_bytes_) / took_ms;
  if (wire >= kTellingBytes && took_ms > 0) codecs_.link_rate(static_cast<double>(wire) / took_ms * 1000);
}

std::map<pid_t, criu::HiddenTask> MemoryCopy::hidden(CriuIs criu, const std::function<std::string(pid_t)>& smaps_of) const {
  std::map<pid_t, criu::HiddenTask> hidden;
  for (const auto& space : round_.spaces) {
    criu::HiddenTask task;
    for (const auto& range : space.plane.pages()) task.ranges.push_back({range.start, range.end});
    for (const auto& guard : space.scan.guards) task.guards.push_back({guard.start, guard.end});
    task.smaps = smaps_of(space.pid);
    hidden.emplace(criu == CriuIs::kInside ? space.inner_pid : space.pid, task);
    for (const pid_t other : space.shared) {
      task.smaps = smaps_of(other);
      hidden.emplace(criu == CriuIs::kInside ? kernel::inner_pid(other).value_or(0) : other, task);
    }
  }
  return hidden;
}

wire::TaskMemory MemoryCopy::describe(const memory::SpaceRound& space) const {
  const auto put = [](const memory::PageSet& pages, std::string& into) {
    const auto bytes = pages.encode();
    into.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  wire::TaskMemory told;
  told.set_pid(space.inner_pid);
  const auto sent = sent_.find(space.inner_pid);
  const auto known = sent != sent_.end() ? sent->second : memory::PageSet();
  put(known.difference(space.scan.present).difference(stopped_.at(space.inner_pid).late), *told.mutable_dropped());
  if (const auto far = far_.find(space.inner_pid); far != far_.end()) put(far->second, *told.mutable_far());
  put(stopped_.at(space.inner_pid).first.intersection(space.plane.pages()), *told.mutable_first());
  return told;
}

void MemoryCopy::describe(wire::Restore& request) const {
  if (described_) {
    *request.add_memory() = *described_;
    return;
  }
  for (const auto& space : round_.spaces) *request.add_memory() = describe(space);
}

std::optional<wire::FrozenMemory> MemoryCopy::describe_frozen(const std::string& smaps) {
  if (round_.spaces.size() != 1 || !round_.spaces.front().shared.empty()) return std::nullopt;
  const auto& space = round_.spaces.front();
  wire::FrozenMemory told;
  described_ = describe(space);
  *told.mutable_memory() = *described_;
  told.set_marks(batches_ + 1);
  const auto& late = stopped_.at(space.inner_pid).late;
  for (const auto& vma : memory::parse_smaps(smaps)) {
    if (!vma.is_plane() || vma.has_flag("gd") || late.intersects(vma.range)) continue;
    auto& area = *told.add_areas();
    area.set_start(vma.range.start);
    area.set_end(vma.range.end);
    area.set_unaccounted(vma.has_flag("nr"));
  }
  return told;
}

}  // namespace ferry::migration
