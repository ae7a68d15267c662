// SPDX-License-Identifier: Apache-2.0
#include "transport/ready_line.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "transport/link.h"

namespace ferry::transport {
namespace {

constexpr std::string_view kReadyMark = "FERRY-READY", kCopyMark = "FERRY-COPY",
                           kFailedMark = "FERRY-FAILED";

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const auto space = line.find(' ');
    if (space != 0) words.push_back(line.substr(0, space));
    line = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
  }
  return words;
}

template <typename T>
bool parse_number(std::string_view text, T& value) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end;
}

bool has_mark(std::string_view line, std::string_view mark) {
  return line.starts_with(mark) && (line.size() == mark.size() || line[mark.size()] == ' ');
}

}  // namespace

std::string format_ready_line(const ReadyLine& line) {
  // The first line feed ends whatever a shell wrote without one.
  return fmt::format("\n{} {} {} {} {}\n", kReadyMark, line.protocol, line.endpoint.port,
                     to_hex(line.key), line.endpoint.address.empty() ? "-" : line.endpoint.address);
}

ReadyLine parse_ready_line(std::string_view line, std::string_view host) {
  const auto disagree = [&](std::string_view why) {
    throw base::Error(
        {fmt::format("{} answered with a line that this ferry does not understand", host),
         std::string(why),
         "use the same version of ferry on both hosts",
         {},
         {}});
  };
  const auto words = split(line);
  ReadyLine ready;
  if (words.size() < 2 || !has_mark(line, kReadyMark) || !parse_number(words[1], ready.protocol)) {
    disagree("it names no protocol");
  }
  if (words.size() != 5) disagree(fmt::format("it has {} words, not 5", words.size()));
  if (!parse_number(words[2], ready.endpoint.port)) disagree("its port is not a port");
  if (!from_hex(words[3], ready.key)) disagree("its key is not a key");
  if (words[4] != "-") ready.endpoint.address = words[4];
  return ready;
}

std::optional<Said> ReadyReader::take_line(std::string& line) {
  for (;;) {
    const auto end = buffer_.find('\n');
    if (end == std::string::npos) return std::nullopt;
    line = buffer_.substr(0, end);
    buffer_.erase(0, end + 1);
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (has_mark(line, kReadyMark)) return Said::kReady;
    if (has_mark(line, kCopyMark)) return Said::kCopy;
    if (has_mark(line, kFailedMark)) return Said::kFailed;
    noise_bytes_ += end + 1;
  }
}

Said ReadyReader::next(std::string& line, base::MonoTime deadline, int wake_fd) {
  for (;;) {
    if (const auto said = take_line(line)) return *said;
    if (noise_bytes_ + buffer_.size() > kMaxNoiseBytes) return Said::kNothing;
    pollfd entries[2] = {{fd_, POLLIN, 0}, {wake_fd, POLLIN, 0}};
    const int ready = ::poll(entries, 2, base::ms_until(deadline));
    if (ready < 0 && errno != EINTR) throw base::SysError("poll", errno, "");
    if (ready == 0) return Said::kTimeout;
    if (ready < 0) continue;
    if (entries[1].revents != 0) return Said::kWoken;
    char chunk[4096];
    const ssize_t got = ::read(fd_, chunk, sizeof chunk);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) throw base::SysError("read", errno, "the output of ssh");
    if (got == 0) return Said::kClosed;
    buffer_.append(chunk, static_cast<size_t>(got));
  }
}

}  // namespace ferry::transport
