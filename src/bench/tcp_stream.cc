// SPDX-License-Identifier: Apache-2.0
#include "bench/tcp_stream.h"

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace ferry::bench {

namespace {

constexpr base::milliseconds kStreamEnds{20'000};

// For one client; not for ever, should none come.
constexpr const char* kServer = "exec timeout 15 iperf3 --server --one-off --port 5209";

// Until the server listens. With --json some versions of iperf3 end with 0 whatever happens.
constexpr const char* kClient = R"sh(
  for attempt in $(seq 50); do
    out=$(iperf3 --client "$1" --port 5209 --time 2 --json)
    case $out in *'"error":'*) sleep 0.1 ;; *) break ;; esac
  done
  echo "$out"
)sh";

// "root@west" → "west"
std::string network_name(const Hosts& hosts, const std::string& host) {
  const std::string login = hosts.login(host);
  return login.substr(login.find('@') + 1);
}

}  // namespace

double measure_stream(const Hosts& hosts) {
  const auto& [source, target, client] = hosts.roles();
  Command server = hosts.start(target, {"sh", "-c", kServer});
  const std::string told = hosts.check(source, {"sh", "-c", kClient, "sh", network_name(hosts, target)});
  const double speed = parse_stream(told);
  server.finish(kStreamEnds);
  return speed;
}

double parse_stream(std::string_view json) {
  try {
    const auto told = nlohmann::json::parse(json);
    if (told.contains("error")) throw base::Error({"cannot measure a TCP stream", told.at("error").get<std::string>(), "install iperf3 on both hosts", {}, {}});
    return told.at("end").at("sum_received").at("bits_per_second").get<double>() / 8;
  } catch (const nlohmann::json::exception& failure) {
    throw base::Error({"cannot measure a TCP stream", failure.what(), "install iperf3 on both hosts", {}, {}});
  }
}

std::optional<double> copy_bytes_per_second(const report::Move& move) {
  if (move.rounds.empty() || move.rounds.front().ms <= 0) return std::nullopt;
  return static_cast<double>(move.rounds.front().dirty_bytes) / (move.rounds.front().ms / 1e3);
}

}  // namespace ferry::bench
