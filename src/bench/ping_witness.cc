// SPDX-License-Identifier: Apache-2.0
#include "bench/ping_witness.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "base/error.h"

namespace ferry::bench {

namespace {

constexpr base::milliseconds kEnds{10'000};

// Until its input ends; then ping's own exit code says whether any answer came. Into a file: nobody reads a pipe meanwhile, and ping
// stands still when it is full. At intervals below 10 ms ping never sleeps (iputils, ping_common.c: main_loop), and what it watches needs
// the CPU, too: so it gets what nobody else wants, also where the kernel shares out by sessions (autogroup). When a reply came is the kernel's
// word, and no matter of ping's priority.
constexpr const char* kPing = R"sh(
  directory=$(mktemp -d) && trap 'rm -rf "$directory"' EXIT || exit 1
  setsid bash -c '
    if [ -w /proc/self/autogroup ]; then echo 19 >/proc/self/autogroup; fi
    exec chrt --idle 0 ping -n -D -i "$1" "$2"' bash "$1" "$2" >"$directory/replies" &
  cat >/dev/null
  kill -INT $!
  wait $!
  status=$?
  cat "$directory/replies"
  exit $status
)sh";

base::Argv argv(const Hosts& hosts, std::chrono::nanoseconds interval) {
  const double seconds = static_cast<double>(interval.count()) / 1e9;
  return {"bash", "-c", kPing, "bash", fmt::format("{:.3f}", seconds), hosts.address().ip};
}

}  // namespace

PingWitness::PingWitness(const Hosts& hosts, std::chrono::nanoseconds interval)
    : hosts_(hosts), command_(hosts.start(hosts.roles().client, argv(hosts, interval))) {}

std::vector<int64_t> PingWitness::finish() {
  const auto ended = command_.finish(kEnds);
  auto replies = parse_replies(ended.out);
  if (!replies.empty()) return replies;
  throw base::Error({fmt::format("ping got no reply from {}", hosts_.address().ip), ended.err, "",
                     hosts_.roles().client, {}});
}

std::vector<int64_t> parse_replies(std::string_view output) {
  std::vector<int64_t> replies;
  std::istringstream lines{std::string(output)};
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with('[') || line.find(" bytes from ") == std::string::npos) continue;
    // Seconds and microseconds on their own: a double has not enough digits for both.
    char* point = nullptr;
    const int64_t seconds = std::strtoll(line.c_str() + 1, &point, 10);
    if (*point != '.') continue;
    replies.push_back(seconds * 1'000'000'000 + std::strtoll(point + 1, nullptr, 10) * 1'000);
  }
  return replies;
}

std::optional<double> silence_ms(const std::vector<int64_t>& replies_ns, int64_t at_ns) {
  const auto after = std::ranges::upper_bound(replies_ns, at_ns);
  if (after == replies_ns.begin() || after == replies_ns.end()) return std::nullopt;
  return static_cast<double>(*after - *(after - 1)) / 1e6;
}

}  // namespace ferry::bench
