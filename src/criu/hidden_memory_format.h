// SPDX-License-Identifier: Apache-2.0
//
// The file by which ferry tells the library in a dumping CRIU which memory it takes along itself
// (hidden_memory.h writes it, pagemap_preload.cc reads it). A fixed layout that is used where it is
// mapped: the reader allocates nothing.
//
//     Header · Task × task_count, by pid · ranges, guards and texts of all tasks, files
#pragma once

#include <cstddef>
#include <cstdint>

namespace ferry::criu::hidden {

// In CRIU's environment: the path of the file. It is read at CRIU's first question about memory,
// long after CRIU's start.
inline constexpr const char* kFileVariable = "FERRY_HIDDEN_MEMORY";

inline constexpr uint64_t kMagic =
    0x32304d4548595246;  // "FRYHEM02", in this machine's byte order: it never travels

struct Range {
  uint64_t start, end;  // addresses in the task, whole pages
};

// `count` elements at `offset` of the file.
struct Place {
  uint64_t offset, count;
};

// Memory that tasks share (stat(2)), which CRIU is to find empty.
struct File {
  uint64_t device, inode;
};

struct Header {
  uint64_t magic;
  uint64_t file_size;
  uint64_t task_count;
  Place files;  // File
};

struct Task {
  uint64_t pid;  // as CRIU sees it
  Place ranges;  // Range, ascending, none touches the next: the memory that CRIU is not to see
  Place guards;  // Range, ascending: the guard regions (MADV_GUARD_INSTALL) within `ranges`, and no
                 // others
  Place smaps;   // char: what CRIU gets for /proc/PID/smaps; none: the kernel's own
};

// The file, mapped.
class View {
 public:
  View() = default;
  // Nothing (an empty view) when it is not such a file, or not whole.
  static View over(const void* start, size_t size) {
    View view;
    const auto* header = static_cast<const Header*>(start);
    if (size < sizeof(Header) || header->magic != kMagic || header->file_size != size) return view;
    if (header->task_count > (size - sizeof(Header)) / sizeof(Task)) return view;
    if (!is_within(header->files, sizeof(File), size)) return view;
    view.start_ = static_cast<const char*>(start);
    for (size_t i = 0; i < header->task_count; ++i) {
      const Task& task = view.tasks()[i];
      const bool fits = is_within(task.ranges, sizeof(Range), size) &&
                        is_within(task.guards, sizeof(Range), size) &&
                        is_within(task.smaps, 1, size);
      if (!fits) return View();
    }
    return view;
  }

  explicit operator bool() const { return start_ != nullptr; }
  const Task* find(uint64_t pid) const {
    const size_t count = reinterpret_cast<const Header*>(start_)->task_count;
    for (size_t i = 0; i < count; ++i) {
      if (tasks()[i].pid == pid) return &tasks()[i];
    }
    return nullptr;
  }
  bool has_file(uint64_t device, uint64_t inode) const {
    const Place& place = reinterpret_cast<const Header*>(start_)->files;
    const auto* files = reinterpret_cast<const File*>(start_ + place.offset);
    for (size_t i = 0; i < place.count; ++i) {
      if (files[i].device == device && files[i].inode == inode) return true;
    }
    return false;
  }
  const Range* ranges(const Place& place) const {
    return reinterpret_cast<const Range*>(start_ + place.offset);
  }
  const char* text(const Place& place) const { return start_ + place.offset; }

 private:
  static bool is_within(const Place& place, size_t element, size_t size) {
    return place.offset <= size && place.count <= (size - place.offset) / element &&
           place.offset % alignof(Range) == 0;
  }
  const Task* tasks() const { return reinterpret_cast<const Task*>(start_ + sizeof(Header)); }
  const char* start_ = nullptr;
};

}  // namespace ferry::criu::hidden
