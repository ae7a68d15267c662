// SPDX-License-Identifier: Apache-2.0
#include "criu/doctor.h"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <array>
#include <sstream>
#include <string_view>

namespace ferry::criu {
namespace {

// Printed in every log of a host without CAP_SYS_RESOURCE, or by a mere probe.
constexpr std::array<std::string_view, 3> kHarmless = {
    "Can't setup RLIMIT_NOFILE for self",
    "Can't open /proc/sys/net/netfilter",
    "Could not open /proc/sys/kernel/sched_rt",
};

bool is_harmless(std::string_view line) {
  for (const auto known : kHarmless) {
    if (line.find(known) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

std::string first_error(const base::Path& log) {
  std::istringstream lines(base::try_read_file(log).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    const auto mark = line.find("Error (");
    if (mark == std::string::npos || is_harmless(line)) continue;
    // "(00.012345)   4711: Error (criu/files.c:123): Can't …": the place helps nobody but CRIU's authors.
    const auto text = line.find("): ", mark);
    return "CRIU says: " + (text == std::string::npos ? line : line.substr(text + 3));
  }
  // Its log is where its images are: when that is full, it cannot even say so.
  struct statvfs room {};
  constexpr uint64_t kFull = 1u << 20;
  if (::statvfs(log.parent_path().c_str(), &room) == 0 && uint64_t{room.f_bavail} * room.f_frsize < kFull) {
    return fmt::format("No space left in {} for CRIU's images", log.parent_path().string());
  }
  return "CRIU failed without a word";
}

}  // namespace ferry::criu
