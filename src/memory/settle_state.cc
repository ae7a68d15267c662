// SPDX-License-Identifier: Apache-2.0
#include "memory/settle_state.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace ferry::memory {
namespace {

constexpr size_t kLogOffset = 4096;
constexpr size_t kStateBytes = kLogOffset + kLogEntries * sizeof(LogEntry);
static_assert(sizeof(StateHeader) <= kLogOffset);
static_assert(std::atomic<uint64_t>::is_always_lock_free, "shared between processes");

}  // namespace

base::Fd make_memfd(const char* name) {
  base::Fd fd(::memfd_create(name, MFD_CLOEXEC));
  if (!fd) throw base::SysError("memfd_create", errno, name);
  return fd;
}

base::Fd SharedState::make() {
  base::Fd fd = make_memfd("ferry-settling");
  if (::ftruncate(fd.get(), kStateBytes) < 0) throw base::SysError("ftruncate", errno, "");
  const SharedState state(fd.get());
  new (state.header_) StateHeader();
  return fd;
}

SharedState::SharedState(int fd) {
  void* mapped =
      ::mmap(nullptr, kStateBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
  if (mapped == MAP_FAILED) throw base::SysError("mmap", errno, "of the state of settling");
  header_ = static_cast<StateHeader*>(mapped);
  log_ = reinterpret_cast<LogEntry*>(static_cast<char*>(mapped) + kLogOffset);
}

SharedState::SharedState(SharedState&& other) noexcept
    : header_(std::exchange(other.header_, nullptr)), log_(std::exchange(other.log_, nullptr)) {}

SharedState::~SharedState() {
  if (header_ != nullptr) ::munmap(header_, kStateBytes);
}

LogEntry& SharedState::log_tail() const {
  const uint64_t end = header_->log_end;
  CHECK(end < kLogEntries);
  return log_[end];
}

void SharedState::set_trouble(const char* text) const {
  std::strncpy(header_->trouble, text, sizeof header_->trouble - 1);
}

void write_marker(const SharedState& state, pid_t holder) {
  if (state->marker < 0) return;
  const std::string text = fmt::format("{:>10} {:>10}\n", holder, state->state);
  if (::pwrite(state->marker, text.data(), text.size(), 0) < 0) {
    state.set_trouble("the file that says that it is settling cannot be written");
  }
}

std::optional<base::Fd> try_open_marked_state(int marker) {
  char text[64] = {};
  int holder = 0, number = 0;
  if (::pread(marker, text, sizeof text - 1, 0) <= 0) return std::nullopt;
  if (std::sscanf(text, "%d %d", &holder, &number) != 2) return std::nullopt;
  return base::try_open_file(fmt::format("/proc/{}/fd/{}", holder, number), O_RDWR);
}

namespace {

// One plan after the other: pid, slot, numbers of first and hot ranges, the ranges.
struct PlanHead {
  int32_t pid;
  uint32_t slot;
  uint64_t first, hot, prepared;  // so many ranges of each, in this order
};

template <typename T>
void append(std::vector<std::byte>& bytes, std::span<const T> items) {
  const auto raw = std::as_bytes(items);
  bytes.insert(bytes.end(), raw.begin(), raw.end());
}

std::vector<AddressRange> read_ranges(int fd, uint64_t count) {
  std::vector<AddressRange> ranges(count);
  CHECK(base::read_full(fd, std::as_writable_bytes(std::span(ranges))) ==
        count * sizeof(AddressRange));
  return ranges;
}

}  // namespace

void write_plans(int fd, std::span<const SpacePlan> plans) {
  std::vector<std::byte> bytes;
  for (const SpacePlan& plan : plans) {
    const PlanHead head{plan.pid, plan.slot, plan.first.size(), plan.hot.size(), plan.prepared.size()};
    append(bytes, std::span(&head, 1));
    append(bytes, std::span<const AddressRange>(plan.first));
    append(bytes, std::span<const AddressRange>(plan.hot));
    append(bytes, std::span<const AddressRange>(plan.prepared));
  }
  base::write_full(fd, bytes);
}

std::vector<SpacePlan> read_plans(int fd) {
  // Each reader starts at the beginning; the descriptor is shared with those before.
  if (::lseek(fd, 0, SEEK_SET) < 0) throw base::SysError("lseek", errno, "in the plans");
  std::vector<SpacePlan> plans;
  PlanHead head{};
  while (base::read_full(fd, std::as_writable_bytes(std::span(&head, 1))) == sizeof head) {
    SpacePlan plan{head.pid, head.slot, {}, {}, {}};
    plan.first = read_ranges(fd, head.first);
    plan.hot = read_ranges(fd, head.hot);
    plan.prepared = read_ranges(fd, head.prepared);
    plans.push_back(std::move(plan));
  }
  return plans;
}

}  // namespace ferry::memory
