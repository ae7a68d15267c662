// SPDX-License-Identifier: Apache-2.0
#include "bench/capture_witness.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "base/error.h"
#include "bench/client_view.h"

namespace ferry::bench {

namespace {

constexpr base::milliseconds kLooksInto{300'000};  // tshark takes 10 µs for a segment, more beside other work
// What a move has done shows by then; the load still runs, and its own end (with resets) is no part of it.
constexpr int64_t kAfterMoveNs = 500'000'000;

// Until its input ends. 128 bytes: all headers. (tcpdump would become a user that the host may not have.)
constexpr const char* kCapture = R"sh(
  directory=$(mktemp -d) && trap 'rm -rf "$directory"' EXIT || exit 1
  device=$(ip -o route get "$1" | sed 's/.* dev \([^ ]*\).*/\1/')
  tcpdump -Z root -i "$device" -n -B 65536 -s 128 -w "$directory/all" "tcp and host $1" 2>"$directory/said" &
  cat >/dev/null
  sleep 0.1  # what has come is written
  kill -INT $! 2>/dev/null
  wait $! || { cat "$directory/said" >&2; exit 1; }
  grep -q '^0 packets dropped by kernel' "$directory/said" || { grep dropped "$directory/said" >&2; exit 1; }
  tshark -n -r "$directory/all" \
    -Y 'tcp.flags.reset == 1 || tcp.analysis.retransmission || tcp.options.sack.dsack' \
    -T fields -e frame.time_epoch -e tcp.flags.reset -e tcp.analysis.retransmission -e tcp.options.sack.dsack
)sh";

}  // namespace

CaptureWitness::CaptureWitness(const Hosts& hosts)
    : hosts_(hosts),
      command_(hosts.start(hosts.roles().client, {"bash", "-c", kCapture, "bash", hosts.address().ip})) {}

std::vector<OddSegment> CaptureWitness::finish() {
  const auto ended = command_.finish(kLooksInto);
  if (ended.status == 0) return parse_odd_segments(ended.out);
  throw base::Error({"there is no whole capture of the client's connections", ended.err,
                     "install tcpdump and tshark there", hosts_.roles().client, {}});
}

std::vector<OddSegment> parse_odd_segments(std::string_view output) {
  std::vector<OddSegment> segments;
  std::istringstream lines{std::string(output)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string time, reset, repeated, had_already;
    std::getline(fields, time, '\t');
    std::getline(fields, reset, '\t');
    std::getline(fields, repeated, '\t');
    std::getline(fields, had_already, '\t');
    // Seconds and nanoseconds on their own, all nine digits of them: a double has not enough for both.
    char* point = nullptr;
    const int64_t seconds = std::strtoll(time.c_str(), &point, 10);
    if (seconds == 0 || *point != '.') continue;
    const int64_t nanoseconds = std::strtoll(point + 1, nullptr, 10);
    segments.push_back({seconds * 1'000'000'000 + nanoseconds, reset == "1" || reset == "True", !repeated.empty(), !had_already.empty()});
  }
  return segments;
}

void add_capture_view(report::Move& move, const std::vector<OddSegment>& segments, const Window& window) {
  uint64_t resets = 0, repeated = 0, had_already = 0;
  for (const auto& segment : segments) {
    if (segment.at_ns < window.started_ns || segment.at_ns > window.ended_ns + kAfterMoveNs) continue;
    resets += segment.reset;
    repeated += segment.repeated;
    had_already += segment.had_already;
  }
  move.captured_resets = resets;
  move.retransmissions = repeated;
  move.unexplained_retransmissions = repeated - std::min(repeated, had_already);
}

}  // namespace ferry::bench
