// SPDX-License-Identifier: Apache-2.0
#include "kernel/affinity.h"

#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <charconv>

#include "base/error.h"

namespace ferry::kernel {
namespace {

constexpr unsigned kBits = 64;
constexpr unsigned kMostCpus = 8192;  // CONFIG_NR_CPUS with MAXSMP

[[noreturn]] void throw_no_cpus(std::string_view text) {
  throw base::Error({fmt::format("\"{}\" is no list of CPUs", text), "", "", {}, {}});
}

unsigned parse_number(std::string_view whole, std::string_view& rest) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (error != std::errc{} || number >= kMostCpus) throw_no_cpus(whole);
  rest.remove_prefix(static_cast<size_t>(end - rest.data()));
  return number;
}

}  // namespace

CpuSet CpuSet::parse(std::string_view text) {
  CpuSet cpus;
  for (std::string_view rest = text; !rest.empty();) {
    const unsigned first = parse_number(text, rest);
    unsigned last = first;
    if (rest.starts_with('-')) {
      rest.remove_prefix(1);
      last = parse_number(text, rest);
    }
    for (unsigned cpu = first; cpu <= last; ++cpu) cpus.add(cpu);
    if (rest.empty()) break;
    if (!rest.starts_with(',')) throw_no_cpus(text);
    rest.remove_prefix(1);
  }
  return cpus;
}

std::string CpuSet::text() const {
  std::string text;
  for (unsigned cpu = 0; cpu < words_.size() * kBits; ++cpu) {
    if (!has(cpu)) continue;
    const unsigned first = cpu;
    while (has(cpu + 1)) ++cpu;
    if (!text.empty()) text += ',';
    text += first == cpu ? fmt::format("{}", first) : fmt::format("{}-{}", first, cpu);
  }
  return text;
}

void CpuSet::add(unsigned cpu) {
  if (words_.size() <= cpu / kBits) words_.resize(cpu / kBits + 1);
  words_[cpu / kBits] |= uint64_t{1} << cpu % kBits;
}

bool CpuSet::has(unsigned cpu) const { return cpu / kBits < words_.size() && (words_[cpu / kBits] >> cpu % kBits & 1) != 0; }

std::vector<unsigned> CpuSet::numbers() const {
  std::vector<unsigned> numbers;
  for (unsigned cpu = 0; cpu < words_.size() * kBits; ++cpu) {
    if (has(cpu)) numbers.push_back(cpu);
  }
  return numbers;
}

// The bare system calls: they take and tell how long a mask is, which glibc's do not.
std::optional<CpuSet> affinity_of(pid_t tid) {
  std::array<uint64_t, kMostCpus / kBits> mask{};
  const long bytes = ::syscall(SYS_sched_getaffinity, tid, sizeof mask, mask.data());
  if (bytes < 0) return std::nullopt;
  CpuSet cpus;
  cpus.words_.assign(mask.begin(), mask.begin() + bytes / static_cast<long>(sizeof mask[0]));
  while (!cpus.words_.empty() && cpus.words_.back() == 0) cpus.words_.pop_back();
  return cpus;
}

bool set_affinity(pid_t tid, const CpuSet& cpus) {
  return ::syscall(SYS_sched_setaffinity, tid, cpus.words_.size() * sizeof(uint64_t), cpus.words_.data()) == 0;
}

}  // namespace ferry::kernel
