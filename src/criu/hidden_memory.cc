// SPDX-License-Identifier: Apache-2.0
#include "criu/hidden_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "criu/prepared_smaps.h"

namespace ferry::criu {
namespace {

// Ascending, none touches the next: the reader looks each address up in one step.
std::vector<hidden::Range> tidy(std::vector<hidden::Range> ranges) {
  std::erase_if(ranges, [](const hidden::Range& range) { return range.start >= range.end; });
  std::ranges::sort(ranges, {}, &hidden::Range::start);
  std::vector<hidden::Range> joined;
  for (const auto& range : ranges) {
    if (!joined.empty() && range.start <= joined.back().end) {
      joined.back().end = std::max(joined.back().end, range.end);
    } else {
      joined.push_back(range);
    }
  }
  return joined;
}

// What of `guards` lies in `ranges`: of the others CRIU hears from the kernel, and would hear
// twice.
std::vector<hidden::Range> within(const std::vector<hidden::Range>& guards,
                                  const std::vector<hidden::Range>& ranges) {
  std::vector<hidden::Range> inside;
  for (const auto& guard : guards) {
    auto range = std::ranges::upper_bound(ranges, guard.start, {}, &hidden::Range::end);
    for (; range != ranges.end() && range->start < guard.end; ++range) {
      inside.push_back({std::max(guard.start, range->start), std::min(guard.end, range->end)});
    }
  }
  return inside;
}

class Body {
 public:
  explicit Body(size_t offset) : offset_(offset) {}
  hidden::Place add(const std::vector<hidden::Range>& ranges) {
    return add(ranges.data(), ranges.size(), sizeof(hidden::Range));
  }
  hidden::Place add(const std::string& text) { return add(text.data(), text.size(), 1); }
  hidden::Place add(const std::vector<hidden::File>& files) {
    return add(files.data(), files.size(), sizeof(hidden::File));
  }
  const std::string& bytes() const { return bytes_; }

 private:
  hidden::Place add(const void* data, size_t count, size_t element) {
    const hidden::Place place{offset_ + bytes_.size(), count};
    bytes_.append(static_cast<const char*>(data), count * element);
    bytes_.resize((bytes_.size() + alignof(hidden::Range) - 1) / alignof(hidden::Range) *
                  alignof(hidden::Range));
    return place;
  }
  size_t offset_;
  std::string bytes_;
};

template <class T>
void append(std::string& bytes, const T& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

bool agrees_with_smaps(const HiddenTask& task) {
  if (task.smaps.empty()) return true;
  const auto wanted = ranges_on_demand(task.smaps);
  const auto same = [](const hidden::Range& one, const hidden::Range& other) {
    return one.start == other.start && one.end == other.end;
  };
  return !wanted || std::ranges::equal(*wanted, tidy(task.ranges), same);
}

void write_hidden_memory(const base::Path& path, const std::map<pid_t, HiddenTask>& tasks,
                         const std::vector<hidden::File>& files) {
  Body body(sizeof(hidden::Header) + tasks.size() * sizeof(hidden::Task));
  std::string table;
  for (const auto& [pid, task] : tasks) {
    CHECK(pid > 0);
    const auto ranges = tidy(task.ranges);
    append(table, hidden::Task{static_cast<uint64_t>(pid), body.add(ranges),
                               body.add(within(tidy(task.guards), ranges)), body.add(task.smaps)});
  }
  const auto place = body.add(files);
  std::string file;
  append(file,
         hidden::Header{hidden::kMagic, sizeof(hidden::Header) + table.size() + body.bytes().size(),
                        tasks.size(), place});
  base::replace_file(path, file + table + body.bytes(), base::Durable::kNo);
}

std::string hide_setting(const base::Path& path) {
  return fmt::format("{}={}", hidden::kFileVariable, path.string());
}

}  // namespace ferry::criu
