// SPDX-License-Identifier: Apache-2.0
#include "memory/shared_writes.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "base/error.h"
#include "base/parallel.h"
#include "kernel/procfs.h"

namespace ferry::memory {

namespace {

// A look at a mapping costs some 3 ms per GiB, reading the memory some 100 to 250; the markers are 8 bytes per page and process.
constexpr size_t kMostMappings = 32;

// Offsets in bytes.
PageSet content_of(int file, uint64_t bytes) {
  PageSet content;
  for (off_t at = 0; static_cast<uint64_t>(at) < bytes;) {
    const off_t start = ::lseek(file, at, SEEK_DATA);
    if (start < 0 && errno == ENXIO) break;
    at = ::lseek(file, start, SEEK_HOLE);
    if (start < 0 || at < 0) throw base::SysError("lseek", errno, "of shared memory");
    content.insert(pages_around({static_cast<uint64_t>(start), static_cast<uint64_t>(at)}));
  }
  return content;
}

PageSet shifted(const PageSet& pages, uint64_t by) {
  PageSet there;
  for (const auto& range : pages) there.insert({range.start + by, range.end + by});
  return there;
}

uint64_t distance(const SharedMapping& mapping) { return mapping.range.start - mapping.offset; }

// What of `pages` a mapping maps, by address.
PageSet seen_by(const SharedMapping& mapping, const PageSet& pages) {
  return shifted(pages.within({mapping.offset, mapping.offset + mapping.range.bytes()}), distance(mapping));
}

// By inode: the memories that some descriptor means.
std::set<uint64_t> opened_by(const std::vector<pid_t>& pids) {
  std::set<uint64_t> inodes;
  for (const pid_t pid : pids) {
    for (const auto& open : kernel::open_files(pid)) {
      struct stat about {};
      if (is_anonymous_shared(open.target) && ::stat(fmt::format("/proc/{}/fd/{}", pid, open.fd).c_str(), &about) == 0) inodes.insert(about.st_ino);
    }
  }
  return inodes;
}

}  // namespace

SharedWrites::Places SharedWrites::places_of(const SharedMemory& memory) {
  Places places;
  for (const auto& mapping : memory.mappings) places[{mapping.pid, distance(mapping)}].insert(mapping.range);
  return places;
}

// Since it was last asked.
bool SharedWrites::nobody_forked() {
  if (!watch_) return false;
  const auto parents = watch_->take();
  return parents && std::ranges::none_of(watched_, [&](pid_t pid) { return parents->contains(pid); });
}

// True: from now on, which makes what has been listed too old.
bool SharedWrites::open_watch(const std::vector<SharedMemory>& memories) {
  if (watch_ || cannot_watch_) return false;
  if (std::ranges::none_of(memories, [](const auto& memory) { return memory.name.empty(); })) return false;
  watch_ = kernel::ForkWatch::try_open();
  cannot_watch_ = !watch_;
  return !cannot_watch_;
}

// As far as it does not depend on how it was before.
std::string SharedWrites::why_not(const SharedMemory& memory) const {
  if (!memory.name.empty()) return "it is a memfd";
  if (cannot_watch_) return "this host does not tell who forks (perf_event_open(2))";
  if (memory.mappings.size() > kMostMappings) return fmt::format("it is mapped {} times", memory.mappings.size());
  const auto untracked = std::ranges::find_if(memory.mappings, [&](const auto& mapping) { return tracker_of_(mapping.pid) == nullptr; });
  if (untracked != memory.mappings.end()) return fmt::format("what process {} writes is not told", untracked->pid);
  return "";
}

// All that it has now is tracked from now on; the round is told what of what was known before was not written. False: it cannot be.
bool SharedWrites::track(SharedRound& round, Known& known, bool same_tasks) const {
  const auto& memory = round.memory;
  auto places = places_of(memory);
  PageSet content = content_of(memory.file.get(), memory.bytes), written;
  for (const auto& mapping : memory.mappings) {
    const auto scan = tracker_of_(mapping.pid)->try_scan_shared(mapping.range, seen_by(mapping, content));
    if (!scan) return false;
    written.insert(shifted(*scan, -distance(mapping)));
  }
  if (!known.witness) {
    auto witness = RemovalWitness::try_make(memory.file.get(), memory.bytes);
    if (!witness) return false;
    known.witness.emplace(std::move(*witness));
  }
  const PageSet there = known.witness->there(content);
  if (!known.witness->watch(content.difference(there))) return false;
  if (same_tasks && known.places == places) round.unwritten = known.tracked.intersection(there).difference(written);
  known.places = std::move(places);
  known.tracked = std::move(content);
  return true;
}

// Of one that stands still. Nothing: it is not known.
std::optional<PageSet> SharedWrites::unwritten_since(const SharedMemory& memory, const Known& known, size_t threads, const std::atomic<bool>& ended) const {
  if (known.places != places_of(memory)) return std::nullopt;
  const auto& mappings = memory.mappings;
  std::vector<std::optional<PageSet>> written(mappings.size());
  static_cast<void>(known.tracked.ranges());  // merged before several threads look
  base::in_parallel(mappings.size(), threads, [&](size_t i) {
    if (ended) return;
    const Tracker* tracker = tracker_of_(mappings[i].pid);
    if (tracker != nullptr) written[i] = tracker->try_scan_shared_frozen(mappings[i].range, seen_by(mappings[i], known.tracked));
  });
  PageSet unwritten = known.witness->there(known.tracked);
  for (size_t i = 0; i < mappings.size(); ++i) {
    if (!written[i]) return std::nullopt;
    unwritten.erase(shifted(*written[i], -distance(mappings[i])));
  }
  return unwritten;
}

std::vector<SharedRound> SharedWrites::round() {
  const bool same_tasks = nobody_forked();
  watched_ = pids_();
  auto memories = shared_memory_of(watched_);
  if (open_watch(memories)) {
    watched_ = pids_();
    memories = shared_memory_of(watched_);
  }
  const auto opened = memories.empty() ? std::set<uint64_t>() : opened_by(watched_);
  std::map<uint64_t, Known> before = std::exchange(known_, {});
  std::vector<SharedRound> rounds;
  for (auto& memory : memories) {
    const uint64_t inode = memory.inode;
    SharedRound one{std::move(memory), {}, {}};
    one.why_untracked = opened.contains(inode) ? "it is open as a file, too" : why_not(one.memory);
    if (one.why_untracked.empty()) {
      Known known = std::move(before[inode]);
      if (track(one, known, same_tasks)) {
        known_.emplace(inode, std::move(known));
      } else {
        one.why_untracked = "it cannot be tracked in every place that it is mapped at";
      }
    }
    rounds.push_back(std::move(one));
  }
  return rounds;
}

std::vector<SharedMemory> SharedWrites::last_look() {
  if (!nobody_forked()) known_.clear();
  return shared_memory_of(pids_());
}

PageSet SharedWrites::unwritten(const SharedMemory& memory, size_t threads, const std::atomic<bool>& ended) const {
  const auto known = known_.find(memory.inode);
  if (known == known_.end()) return {};
  return unwritten_since(memory, known->second, threads, ended).value_or(PageSet());
}

}  // namespace ferry::memory
