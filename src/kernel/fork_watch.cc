// SPDX-License-Identifier: Apache-2.0
#include "kernel/fork_watch.h"

#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "kernel/affinity.h"

namespace ferry::kernel {

namespace {

// Of one CPU: some 1,000 ends and beginnings of tasks.
constexpr size_t kPage = 4096, kRecordBytes = 8 * kPage, kRingBytes = kPage + kRecordBytes;
// Without so much room the kernel may have left out a record; it says so (PERF_RECORD_LOST) with the next one that fits.
constexpr size_t kLargestRecord = 64;

// perf_event_open(2): PERF_RECORD_FORK.
struct TaskRecord {
  perf_event_header header;
  uint32_t pid, parent, tid, parent_tid;
};

base::Fd open_on(unsigned cpu) {
  perf_event_attr what{};
  what.size = sizeof what;
  what.type = PERF_TYPE_SOFTWARE;
  what.config = PERF_COUNT_SW_DUMMY;
  what.task = 1;
  return base::Fd(static_cast<int>(::syscall(SYS_perf_event_open, &what, -1, static_cast<int>(cpu), -1, PERF_FLAG_FD_CLOEXEC)));
}

CpuSet online_cpus() {
  const auto text = base::try_read_file("/sys/devices/system/cpu/online").value_or("");
  return CpuSet::parse(std::string_view(text).substr(0, text.find('\n')));
}

}  // namespace

void ForkWatch::Unmapper::operator()(void* ring) const { ::munmap(ring, kRingBytes); }

std::optional<ForkWatch> ForkWatch::try_open() {
  ForkWatch watch;
  watch.online_ = online_cpus();
  for (const unsigned cpu : watch.online_.numbers()) {
    Cpu one{open_on(cpu), nullptr};
    if (!one.event) return std::nullopt;
    void* ring = ::mmap(nullptr, kRingBytes, PROT_READ | PROT_WRITE, MAP_SHARED, one.event.get(), 0);
    if (ring == MAP_FAILED) return std::nullopt;
    one.ring.reset(ring);
    watch.cpus_.push_back(std::move(one));
  }
  return watch;
}

std::optional<std::set<pid_t>> ForkWatch::take() {
  std::set<pid_t> parents;
  bool all = online_cpus() == online_;
  for (const Cpu& cpu : cpus_) all &= take_from(cpu.ring.get(), parents);
  if (!all) return std::nullopt;
  return parents;
}

bool ForkWatch::take_from(void* ring, std::set<pid_t>& parents) {
  auto& control = *static_cast<perf_event_mmap_page*>(ring);
  const char* records = static_cast<const char*>(ring) + kPage;
  const uint64_t head = std::atomic_ref(control.data_head).load(std::memory_order_acquire);
  uint64_t at = control.data_tail;
  bool all = head - at <= kRecordBytes - kLargestRecord;
  while (at < head) {
    char bytes[kLargestRecord] = {};
    for (size_t i = 0; i < sizeof bytes; ++i) bytes[i] = records[(at + i) % kRecordBytes];  // one may go round the ring's end
    TaskRecord record;
    std::memcpy(&record, bytes, sizeof record);
    if (record.header.size == 0) return false;
    if (record.header.type == PERF_RECORD_LOST) all = false;
    if (record.header.type == PERF_RECORD_FORK && record.pid != record.parent) parents.insert(static_cast<pid_t>(record.parent));
    at += record.header.size;
  }
  std::atomic_ref(control.data_tail).store(at, std::memory_order_release);
  return all;
}

}  // namespace ferry::kernel
