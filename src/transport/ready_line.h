// SPDX-License-Identifier: Apache-2.0
//
// What the target's side of the bootstrap says on its stdout, one line each, before anything else
// is spoken:
//
//     FERRY-READY PROTOCOL PORT KEY ADDRESS   `ferry receive` listens; KEY is 64 hex digits;
//     ADDRESS is where
//                                             the source reached this host (numeric), or "-" when
//                                             not known
//     FERRY-COPY PATH                         no ferry of our protocol here: send one, it will be
//     PATH FERRY-FAILED WORD                       the script gives up; the reason is on stderr
//
// All other lines (a login message, a chatty shell start-up file) are skipped, within a bound.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "transport/channel_tls.h"
#include "transport/socket.h"

namespace ferry::transport {

// Noise before the line: a long message of the day is a few KiB.
inline constexpr size_t kMaxNoiseBytes = size_t{64} << 10;

struct ReadyLine {
  int protocol = 0;
  Endpoint endpoint;  // address empty: not known
  Key key{};
};

std::string format_ready_line(const ReadyLine& line);  // with line feeds around it
// Throws Error on a line that begins right but does not go on right (a longer or shorter one of
// another version).
// `host` is for its text.
ReadyLine parse_ready_line(std::string_view line, std::string_view host);

enum class Said { kReady, kCopy, kFailed, kNothing, kClosed, kTimeout, kWoken };

// Reads lines from the stdout of ssh until one of the three.
class ReadyReader {
 public:
  explicit ReadyReader(int fd) : fd_(fd) {}

  // kNothing: kMaxNoiseBytes without one of our lines. `line` is set for the first three.
  [[nodiscard]] Said next(std::string& line, base::MonoTime deadline, int wake_fd);
  // Bytes that came after the last line.
  std::string rest() && { return std::move(buffer_); }

 private:
  std::optional<Said> take_line(std::string& line);

  int fd_;
  std::string buffer_;
  size_t noise_bytes_ = 0;
};

}  // namespace ferry::transport
