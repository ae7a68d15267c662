// SPDX-License-Identifier: Apache-2.0
#include "faults/ledger.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace ferry::faults {
namespace {

constexpr uint64_t kBeatsDue = 200;  // lines at 2 ms each; a second thread that has stood still as long is dead

std::string_view whole_lines(std::string_view log) {
  const auto end = log.rfind('\n');
  return end == std::string_view::npos ? std::string_view() : log.substr(0, end + 1);
}

struct Line {
  uint64_t number = 0, heard = 0, beats = 0;
};

// "NUMBER NONCE HEARD BEATS"
bool parse(std::string_view text, Line& line) {
  const char* const end = text.data() + text.size();
  auto number = std::from_chars(text.data(), end, line.number);
  if (number.ec != std::errc() || text.size() < 20 || *number.ptr != ' ') return false;
  const char* heard = number.ptr + 1;
  heard = std::find(heard, end, ' ');
  if (heard == end) return false;
  auto second = std::from_chars(heard + 1, end, line.heard);
  if (second.ec != std::errc() || second.ptr == end) return false;
  return std::from_chars(second.ptr + 1, end, line.beats).ec == std::errc();
}

std::string read_all(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) < 0) throw base::SysError("fstat", errno, "a log");
  std::string text(static_cast<size_t>(info.st_size), '\0');
  size_t at = 0;
  while (at < text.size()) {
    const ssize_t got = ::pread(fd, text.data() + at, text.size() - at, static_cast<off_t>(at));
    if (got <= 0) break;
    at += static_cast<size_t>(got);
  }
  text.resize(at);
  return text;
}

// The line that the character at `at` is in.
std::string line_at(std::string_view log, size_t at) {
  const size_t start = at == 0 ? 0 : log.rfind('\n', at - 1) + 1;  // npos + 1 is 0
  return std::string(log.substr(start, std::min(log.find('\n', start), log.size()) - start));
}

}  // namespace

uint64_t count_lines(std::string_view log) { return static_cast<uint64_t>(std::count(log.begin(), log.end(), '\n')); }

uint64_t requests_in(std::string_view log) {
  log = whole_lines(log);
  if (log.empty()) return 0;
  Line line;
  return parse(line_at(log, log.size() - 1), line) ? line.heard : 0;
}

std::string what_is_wrong_in(std::string_view log) {
  uint64_t expected = 1, beats = 0, heard = 0, still_since = 0;
  log = whole_lines(log);
  for (size_t start = 0; start < log.size(); ++expected) {
    const size_t end = log.find('\n', start);
    const std::string_view text = log.substr(start, end - start);
    start = end + 1;
    if (text.starts_with("FAIL")) return std::string(text);
    Line line;
    if (!parse(text, line)) return fmt::format("line {} is \"{}\"", expected, text);
    if (line.number != expected) return fmt::format("line {} has the number {}", expected, line.number);
    // Requests that have piled up are answered, and logged, in one go.
    if (line.beats > beats || line.heard > heard) still_since = expected;
    beats = line.beats;
    heard = line.heard;
    if (expected - still_since > kBeatsDue) return fmt::format("its second thread has stood still since line {}", still_since);
  }
  return {};
}

std::string two_have_run(const std::vector<std::string>& logs) {
  std::string_view longest;
  for (const auto& log : logs) {
    if (whole_lines(log).size() > longest.size()) longest = whole_lines(log);
  }
  for (const auto& log : logs) {
    const auto lines = whole_lines(log);
    if (longest.starts_with(lines)) continue;
    const auto at = static_cast<size_t>(std::mismatch(lines.begin(), lines.end(), longest.begin()).first - lines.begin());
    return fmt::format("\"{}\" and \"{}\" were both written, after {} lines in common; one copy wrote {} lines, the other {}",
                       line_at(lines, at), line_at(longest, at), count_lines(lines.substr(0, at)), count_lines(lines),
                       count_lines(longest));
  }
  return {};
}

void Ledger::look() {
  for (const auto& [host, directory] : directories_) {
    std::error_code gone;
    for (const auto& entry : std::filesystem::directory_iterator(directory, gone)) {
      struct stat info {};
      if (::stat(entry.path().c_str(), &info) < 0 || !S_ISREG(info.st_mode)) continue;
      const std::pair<uint64_t, uint64_t> key(info.st_dev, info.st_ino);
      if (seen_.contains(key)) continue;
      if (auto fd = base::try_open_file(entry.path(), O_RDONLY)) seen_.emplace(key, std::move(*fd));
    }
  }
}

std::vector<std::string> Ledger::texts() const {
  std::vector<std::string> all;
  for (const auto& [key, fd] : seen_) all.push_back(read_all(fd.get()));
  return all;
}

std::string Ledger::text_of(const std::string& host, const std::string& name) const {
  const auto fd = base::try_open_file(directories_.at(host) / name, O_RDONLY);
  return fd ? read_all(fd->get()) : std::string();
}

uint64_t Ledger::size_of(const std::string& host, const std::string& name) const {
  std::error_code missing;
  const auto size = std::filesystem::file_size(directories_.at(host) / name, missing);
  return missing ? 0 : size;
}

}  // namespace ferry::faults
