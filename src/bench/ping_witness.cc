// SPDX-License-Identifier: Apache-2.0
#include "bench/ping_witness.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <sstream>

#include "base/error.h"

namespace ferry::bench {

namespace {

constexpr base::milliseconds kEnds{10'000};

// Until its input ends; then its own exit code says whether any answer came. Into a file: nobody reads a pipe meanwhile, and it
// stands still when it is full. Not ping: at intervals below 10 ms that never sleeps (iputils, ping_common.c: main_loop), and on two CPUs all that
// it watches then has to live on the other one.
constexpr const char* kPing = R"sh(
  directory=$(mktemp -d) && trap 'rm -rf "$directory"' EXIT || exit 1
  fping --loop --timestamp --interval=1 --period="$1" --timeout=5000 "$2" >"$directory/replies" &
  cat >/dev/null
  kill -INT $!
  wait $!
  status=$?
  cat "$directory/replies"
  exit $status
)sh";

base::Argv argv(const Hosts& hosts, std::chrono::nanoseconds interval) {
  const double ms = static_cast<double>(interval.count()) / 1e6;
  return {"bash", "-c", kPing, "bash", fmt::format("{:.1f}", ms), hosts.address().ip};
}

}  // namespace

PingWitness::PingWitness(const Hosts& hosts, std::chrono::nanoseconds interval)
    : hosts_(hosts), command_(hosts.start(hosts.roles().client, argv(hosts, interval))) {}

std::vector<int64_t> PingWitness::finish() {
  const auto ended = command_.finish(kEnds);
  auto replies = parse_replies(ended.out);
  if (!replies.empty()) return replies;
  throw base::Error({fmt::format("fping got no reply from {}", hosts_.address().ip), ended.err, "",
                     hosts_.roles().client, {}});
}

std::vector<int64_t> parse_replies(std::string_view output) {
  std::vector<int64_t> replies;
  std::istringstream lines{std::string(output)};
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with('[') || line.find(" bytes, ") == std::string::npos) continue;
    // A double holds them to a quarter of a microsecond, and they are written to ten.
    const double seconds = std::strtod(line.c_str() + 1, nullptr);
    replies.push_back(std::llround(seconds * 1e6) * 1'000);
  }
  return replies;
}

std::optional<double> silence_ms(const std::vector<int64_t>& replies_ns, int64_t at_ns) {
  const auto after = std::ranges::upper_bound(replies_ns, at_ns);
  if (after == replies_ns.begin() || after == replies_ns.end()) return std::nullopt;
  return static_cast<double>(*after - *(after - 1)) / 1e6;
}

}  // namespace ferry::bench
