// SPDX-License-Identifier: Apache-2.0
#include "migration/early_smaps.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "base/fault.h"
#include "base/fd.h"
#include "base/log.h"
#include "criu/prepared_smaps.h"

namespace ferry::migration {

namespace {

// Faults: as of a very large workload, and as on a machine that has nothing else to do.
constexpr std::chrono::milliseconds kLate{1'000}, kInTime{10'000};

std::string read_of(pid_t pid, const char* file) {
  return base::try_read_file(fmt::format("/proc/{}/{}", pid, file)).value_or("");
}

}  // namespace

void EarlySmaps::probe() {
  if (base::fault_due("source.flags", "by-smaps")) return;
  std::string why;
  flags_ = kernel::VmaFlagsReader::try_open(&why);
  if (!flags_) base::log("the flags of memory are read from smaps: {}", why);
}

void EarlySmaps::read_if_changed(const std::vector<pid_t>& pids) {
  for (const pid_t pid : pids) {
    if (!try_exactly(pid) && !try_prepare(pid)) early_[pid] = read_of(pid, "smaps");
  }
}

std::optional<std::string> EarlySmaps::try_prepare(pid_t pid) const {
  const auto early = early_.find(pid);
  if (early == early_.end()) return std::nullopt;
  return criu::prepare_smaps(early->second, read_of(pid, "maps"));
}

// Of a running one it may be of no moment, which does no harm: nobody keeps it.
std::optional<std::string> EarlySmaps::try_exactly(pid_t pid) const {
  if (!flags_) return std::nullopt;
  const auto flags = flags_->try_read(pid);
  return flags ? criu::smaps_with_flags(read_of(pid, "maps"), *flags) : std::nullopt;
}

std::string EarlySmaps::text_of(pid_t pid, Trust trust) {
  given_.erase(pid);
  if (auto exact = try_exactly(pid)) return *exact;
  const auto prepared = trust == Trust::kYes ? try_prepare(pid) : std::nullopt;
  return prepared ? given_[pid] = *prepared : read_of(pid, "smaps");
}

void EarlySmaps::begin_check() {
  const bool late = base::fault_due("source.flags_check", "late");
  check_ = std::async(std::launch::async, [given = given_, late] {
             if (late) std::this_thread::sleep_for(kLate);
             return std::ranges::all_of(given, [](const auto& one) {
               return criu::same_for_criu(one.second, read_of(one.first, "smaps"));
             });
           }).share();
}

bool EarlySmaps::holds() { return !check_.valid() || check_.get(); }

bool EarlySmaps::is_known_to_differ() {
  const auto limit = base::fault_due("source.flags_check", "in-time") ? kInTime : std::chrono::milliseconds(0);
  return check_.valid() && check_.wait_for(limit) == std::future_status::ready && !check_.get();
}

void EarlySmaps::forget() {
  check_ = {};  // waits for it
  early_.clear();
  given_.clear();
}

}  // namespace ferry::migration
