// SPDX-License-Identifier: Apache-2.0
//
// The target's half: does this host have it all?
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cstdlib>
#include <future>
#include <map>
#include <span>
#include <tuple>

#include "base/clock.h"
#include "base/error.h"
#include "base/program.h"
#include "base/units.h"
#include "criu/installation.h"
#include "files/fingerprint.h"
#include "kernel/cpu.h"
#include "migration/common_files.h"
#include "migration/requirement_kinds.h"
#include "migration/requirements.h"
#include "migration/service_place.h"

namespace ferry::migration {
namespace {

using process::Reasons;
namespace fs = std::filesystem;

constexpr int64_t kClockTolerance_ns = 2'000'000'000;  // beyond it timers by the time of day fire visibly early or late
constexpr uint64_t kPageReserve = 64u << 20;           // memory that the host itself goes on with
constexpr size_t kListed = 8;                          // of things of one kind; the rest is counted

// Many things of one kind are one reason.
void add_listed(std::vector<std::string> things, const std::string& what, const std::string& why, const std::string& remedy, Reasons& reasons) {
  if (things.empty()) return;
  const size_t all = things.size();
  things.resize(std::min(all, kListed));
  const auto rest = all > kListed ? fmt::format(" and {} more", all - kListed) : "";
  reasons.push_back({fmt::format("{} {}{}", what, fmt::join(things, ", "), rest), why, remedy});
}

void check_software(const wire::Requirements& needed, Findings& findings) {
  utsname names{};
  ::uname(&names);
  if (needed.machine() != names.machine) {
    findings.reasons.push_back({fmt::format("this host is {}", names.machine), fmt::format("the workload runs on {}", needed.machine()),
                                "choose a host of the same kind"});
  }
  if (base::version_of(names.release) < base::version_of(needed.kernel_release())) {
    findings.warnings.push_back(fmt::format("the kernel here ({}) is older than where it comes from ({})", names.release, needed.kernel_release()));
  }
  try {
    const auto version = criu::Installation::find().version();
    if (base::version_of(version) >= base::version_of(needed.criu_version())) return;
    findings.reasons.push_back({fmt::format("CRIU {} is older than the {} that dumps it", version, needed.criu_version()),
                                "an older CRIU does not know all that a newer one writes", "install the same one on both hosts: tools/get-criu"});
  } catch (const base::Error& missing) {
    findings.reasons.push_back(reason_of(missing.explanation()));
  }
}

void check_cpu(const wire::Requirements& needed, Reasons& reasons) {
  if (needed.cpu_features().empty()) return;
  const auto cpu = kernel::read_cpu();
  std::vector<std::string> missing;
  for (const auto& feature : needed.cpu_features()) {
    if (!std::ranges::binary_search(cpu.features, feature)) missing.push_back(feature);
  }
  add_listed(std::move(missing), "the CPU lacks", fmt::format("the workload was started on a {} and may be using that; this is a {}", needed.cpu_model(), cpu.model),
             "start it on the host with the older CPU, or give both the same CPU model if they are virtual machines", reasons);
}

void check_files(const wire::Requirements& needed, Reasons& reasons) {
  std::vector<std::string> missing, sizes, contents;
  for (const auto& file : needed.files()) {
    const auto here = files::fingerprint_of(file.path());
    if (!here) {
      missing.push_back(file.path());
    } else if (here->size != file.size()) {
      sizes.push_back(fmt::format("{} ({} bytes, not {})", file.path(), here->size, file.size()));
    } else if (here->build_id != file.build_id() || here->sample_hash != file.sample_hash()) {
      contents.push_back(file.path());
    }
  }
  const char* remedy = "install the same packages, or copy them: rsync -aR FILE… HOST:/";
  add_listed(std::move(missing), "missing:", "the workload has these files mapped or open, and they do not travel", remedy, reasons);
  for (auto* differing : {&sizes, &contents}) {
    add_listed(std::move(*differing), "another file here:", "the workload runs with its own version of these files, mapped or open", remedy, reasons);
  }
}

// As files/staged.h has it: an earlier part of the same file (a log) may be replaced, another file is not overwritten. Told from
// each other by their beginnings here, by all of their content when it is put there.
void check_carried(const wire::Requirements& needed, const std::vector<std::string>& own, const std::set<std::string>& common, Reasons& reasons) {
  std::vector<std::string> others;
  for (const auto& coming : needed.carried()) {
    if (common.contains(coming.path()) || std::ranges::find(own, coming.path()) != own.end()) continue;
    struct stat info {};
    if (::stat(coming.path().c_str(), &info) < 0 || !S_ISREG(info.st_mode)) continue;
    const auto file = base::try_open_file(coming.path(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (!file) continue;
    std::string here(coming.head().size(), '\0');
    here.resize(base::read_full(file->get(), std::as_writable_bytes(std::span(here))));
    if (static_cast<uint64_t>(info.st_size) > coming.size() || !coming.head().starts_with(here)) others.push_back(coming.path());
  }
  add_listed(std::move(others), "will not overwrite", "the workload has that open for writing, and another file is there already",
             "move that one away, or start the workload with another path", reasons);
}

void check_places(const wire::Requirements& needed, Reasons& reasons) {
  std::error_code error;
  std::vector<std::string> directories, special;
  for (const auto& path : needed.directories()) {
    if (!fs::is_directory(path, error)) directories.push_back(path);
  }
  for (const auto& path : needed.special_files()) {
    if (!fs::exists(path, error)) special.push_back(path);
  }
  const auto remedy = fmt::format("mkdir -p {}", fmt::join(directories, " "));
  add_listed(std::move(directories), "no directory", "the workload works in these directories or writes there", remedy, reasons);
  add_listed(std::move(special), "missing:", "the workload has these open or watches them (inotify), and they do not travel", "make them here", reasons);
}

// Of what the directory is to have room for, what does not come.
uint64_t bytes_in(const std::string& directory, const wire::Requirements& needed, const std::set<std::string>& common) {
  uint64_t bytes = 0;
  for (const auto& coming : needed.carried()) {
    if (common.contains(coming.path()) && base::Path(coming.path()).parent_path() == directory) bytes += coming.size();
  }
  return bytes;
}

void check_room(const wire::Requirements& needed, const std::set<std::string>& common, Reasons& reasons) {
  // Two directories may share a filesystem: what they need is added up.
  std::map<unsigned long, std::tuple<std::string, uint64_t, uint64_t>> filesystems;
  for (const auto& room : needed.room()) {
    base::Path place = room.directory();
    std::error_code error;
    while (!fs::exists(place, error) && place.has_relative_path()) place = place.parent_path();
    struct statvfs status {};
    struct stat info {};
    if (::statvfs(place.c_str(), &status) < 0 || ::stat(place.c_str(), &info) < 0) continue;
    auto& [name, sum, free] = filesystems[info.st_dev];
    if (name.empty()) name = place.string();
    sum += room.bytes() - std::min(room.bytes(), bytes_in(room.directory(), needed, common));
    free = uint64_t{status.f_bavail} * status.f_frsize;
  }
  for (const auto& [device, room] : filesystems) {
    const auto& [name, sum, free] = room;
    if (free >= sum) continue;
    reasons.push_back({fmt::format("not enough room in {}", name), fmt::format("{} are needed, {} are free", base::format_bytes(sum), base::format_bytes(free)),
                       name.starts_with("/dev/shm") ? "free some, or enlarge it: mount -o remount,size=… /dev/shm" : "free some"});
  }
}

void check_memory(const wire::Requirements& needed, Reasons& reasons) {
  const auto text = base::try_read_file("/proc/meminfo").value_or("");
  const auto at = text.find("MemAvailable:");
  if (at == std::string::npos) return;
  const uint64_t available = std::strtoull(text.c_str() + at + sizeof "MemAvailable:" - 1, nullptr, 10) * 1024;
  if (available >= needed.memory_bytes() + kPageReserve) return;
  reasons.push_back({"not enough memory", fmt::format("{} are needed while it arrives and {} for the host itself, {} are available",
                                                      base::format_bytes(needed.memory_bytes()), base::format_bytes(kPageReserve), base::format_bytes(available)),
                     "end something else, or choose a host with more memory"});
}

void check_clock(const wire::Requirements& needed, Findings& findings) {
  const int64_t ahead_ns = base::real_ns() - needed.real_ns();
  if (std::abs(ahead_ns) <= kClockTolerance_ns) return;
  findings.warnings.push_back(fmt::format("the clock here is {:.1f} s {}: what goes by the time of day will see it jump (use NTP on both hosts)",
                                          static_cast<double>(std::abs(ahead_ns)) / 1e9, ahead_ns > 0 ? "ahead" : "behind"));
}

// In the capsule /dev/pts is the host's: a pty arrives under the number it had.
void check_terminals(const wire::Requirements& needed, Reasons& reasons) {
  std::error_code error;
  std::vector<std::string> taken;
  for (const auto number : needed.terminals()) {
    if (const auto name = fmt::format("/dev/pts/{}", number); fs::exists(name, error)) taken.push_back(name);
  }
  add_listed(std::move(taken), "taken:", "the workload has pseudoterminals of these numbers, and they must be the same", "end what has them (who, ps -t pts/N)", reasons);
}

}  // namespace

Findings check_requirements(const wire::Requirements& needed, const std::vector<std::string>& own) {
  Findings findings;
  // The probe mostly waits: beside everything else.
  std::future<Reasons> identity;
  if (needed.has_identity()) identity = std::async(std::launch::async, identity_reasons, needed.identity());
  if (needed.has_service()) identity = std::async(std::launch::async, service_reasons, needed.service());
  check_clock(needed, findings);
  check_software(needed, findings);
  check_cpu(needed, findings.reasons);
  check_files(needed, findings.reasons);
  const auto common = common_files(needed);
  check_carried(needed, own, common, findings.reasons);
  check_places(needed, findings.reasons);
  check_room(needed, common, findings.reasons);
  check_memory(needed, findings.reasons);
  check_ports(needed, findings.reasons);
  check_terminals(needed, findings.reasons);
  if (identity.valid()) {
    for (auto& reason : identity.get()) findings.reasons.push_back(std::move(reason));
  }
  return findings;
}

}  // namespace ferry::migration
