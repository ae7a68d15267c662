// SPDX-License-Identifier: Apache-2.0
//
// File locks that the tree and others here keep each other out by. The lock itself would move and be taken again over there; what
// it is for would end without a word: both sides have it then, each on a host of its own.
#include <fmt/format.h>
#include <sys/sysmacros.h>

#include <map>
#include <optional>
#include <sstream>

#include "process/blocker_kinds.h"

namespace ferry::process {
namespace {

struct Lock {
  bool waiting = false;
  pid_t pid = 0;     // of its maker, or of who waits; -1: of an open file (OFD), nobody's
  std::string file;  // "fd:00:2531452"
};

// "1: POSIX  ADVISORY  WRITE 3568 fd:00:2531452 0 EOF", with "->" behind the number for who waits; proc(5). So too in fdinfo.
std::optional<Lock> parse_lock(const std::string& line) {
  std::istringstream words(line);
  std::string number, kind, nature, access;
  Lock lock;
  if (!(words >> number >> kind)) return std::nullopt;
  lock.waiting = kind == "->";
  if (lock.waiting) words >> kind;
  if (!(words >> nature >> access >> lock.pid >> lock.file)) return std::nullopt;
  return lock;
}

std::vector<Lock> locks_in(const std::string& text, const std::string& mark) {
  std::vector<Lock> locks;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(mark)) continue;
    if (auto lock = parse_lock(line.substr(mark.size()))) locks.push_back(std::move(*lock));
  }
  return locks;
}

std::string id_of(const Descriptor& file) {
  return fmt::format("{:02x}:{:02x}:{}", major(file.status.st_dev), minor(file.status.st_dev), file.status.st_ino);
}

struct Place {
  const Task* task = nullptr;
  const Descriptor* file = nullptr;
};

// The files on which the tree has locks or waits for one.
std::map<std::string, Place> locked_by(const View& view, const std::vector<Lock>& all) {
  std::map<std::string, Place> places;
  for (const auto& task : view.tasks) {
    for (const auto& file : task.files) {
      for (const auto& lock : locks_in(file.info, "lock:")) places.try_emplace(lock.file, Place{&task, &file});
      if (!S_ISREG(file.status.st_mode)) continue;
      for (const auto& lock : all) {
        if (lock.waiting && lock.pid == task.pid && lock.file == id_of(file)) places.try_emplace(lock.file, Place{&task, &file});
      }
    }
  }
  return places;
}

}  // namespace

void add_lock_blockers(const View& view, Reasons& reasons) {
  const auto all = locks_in(base::try_read_file("/proc/locks").value_or(""), "");
  const auto places = locked_by(view, all);
  OpenThings open;
  for (const auto& lock : all) {
    const auto place = places.find(lock.file);
    if (place == places.end() || lock.pid <= 0 || view.holds(lock.pid)) continue;
    const auto& [task, file] = place->second;
    open.add(*task, file->fd, fmt::format("{}, and locks it", file->target),
             fmt::format("{} (pid {}), which stays here, {} that file too: each would be alone with its lock then", kernel::comm_of(lock.pid),
                         lock.pid, lock.waiting ? "waits for a lock on" : "has a lock on"),
             "end that program first, or move the tree of both");
  }
  open.move_to(reasons);
}

}  // namespace ferry::process
