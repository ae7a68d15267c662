// SPDX-License-Identifier: Apache-2.0
#include "criu/doctor.h"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <array>
#include <optional>
#include <regex>
#include <sstream>
#include <string_view>
#include <vector>

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

constexpr size_t kMaxLine = 512;  // std::regex recurses by the length of what it reads

}  // namespace

// "(00.012345)   4711: Error (criu/files.c:123): Can't …": the place helps nobody but CRIU's authors.
std::optional<std::string> complaint_in(const std::string& line) {
  for (const std::string_view mark : {"Error (", "Warn  ("}) {
    const auto at = line.find(mark);
    if (at == std::string::npos || is_harmless(line)) continue;
    const auto text = line.find("): ", at);
    return text == std::string::npos ? line : line.substr(text + 3);
  }
  return std::nullopt;
}

Diagnosis diagnose(const base::Path& log) {
  std::vector<std::string> complaints;
  std::istringstream lines(base::try_read_file(log).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (auto complaint = complaint_in(line)) complaints.push_back(complaint->substr(0, kMaxLine));
  }
  for (const auto& symptom : symptoms()) {
    const std::regex pattern(symptom.pattern);
    for (const auto& complaint : complaints) {
      std::smatch match;
      if (!std::regex_search(complaint, match, pattern)) continue;
      return {match.format(symptom.why), match.format(symptom.remedy), symptom.transient};
    }
  }
  return {first_error(log), ""};
}

namespace {

std::optional<std::string> find_error(const base::Path& log) {
  std::istringstream lines(base::try_read_file(log).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (line.find("Error (") == std::string::npos) continue;
    if (auto complaint = complaint_in(line)) return complaint;
  }
  return std::nullopt;
}

}  // namespace

bool has_errors(const base::Path& log) { return find_error(log).has_value(); }

std::string first_error(const base::Path& log) {
  if (const auto error = find_error(log)) return "CRIU says: " + *error;
  // Its log is where its images are: when that is full, it cannot even say so.
  struct statvfs room {};
  constexpr uint64_t kFull = 1u << 20;
  if (::statvfs(log.parent_path().c_str(), &room) == 0 && uint64_t{room.f_bavail} * room.f_frsize < kFull) {
    return fmt::format("No space left in {} for CRIU's images", log.parent_path().string());
  }
  return "CRIU failed without a word";
}

std::string last_words(const base::Path& log) {
  if (const auto error = find_error(log)) return "it says: " + *error;
  std::istringstream lines(base::try_read_file(log).value_or(""));
  std::string last;
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) last = line.substr(0, kMaxLine);
  }
  return last.empty() ? "it wrote nothing" : "the last that it wrote: " + last;
}

}  // namespace ferry::criu
