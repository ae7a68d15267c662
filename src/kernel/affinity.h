// SPDX-License-Identifier: Apache-2.0
//
// Which CPUs a thread may run on (sched_setaffinity(2)).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ferry::kernel {

class CpuSet {
 public:
  // "0-3,8", as the kernel writes it. Throws Error.
  static CpuSet parse(std::string_view text);
  std::string text() const;
  void add(unsigned cpu);
  bool has(unsigned cpu) const;
  std::vector<unsigned> numbers() const;  // ascending
  bool operator<(const CpuSet& other) const { return words_ < other.words_; }
  bool operator==(const CpuSet& other) const = default;

 private:
  friend std::optional<CpuSet> affinity_of(pid_t tid);
  friend bool set_affinity(pid_t tid, const CpuSet& cpus);
  std::vector<uint64_t> words_;  // without zeros at the end
};

std::optional<CpuSet> affinity_of(pid_t tid);  // nothing: it has gone
// CPUs that this host lacks do not count. False: none is left, or the thread has gone; then nothing has changed.
bool set_affinity(pid_t tid, const CpuSet& cpus);

}  // namespace ferry::kernel
