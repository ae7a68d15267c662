// SPDX-License-Identifier: Apache-2.0
#include "lab/spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "base/error.h"

namespace ferry::lab {

using base::Error;
using base::Exit;

namespace {

constexpr size_t kLongestName = 32;
constexpr uint64_t kLowestRate = 8'000;                 // bytes per second: below it a packet takes 0.2 s
constexpr uint64_t kHighestRate = 100'000'000'000 / 8;  // 100 Gbit/s
constexpr auto kLongestDelay = std::chrono::seconds(2);
constexpr int64_t kFirstClockOffset_s = 1'000;
constexpr int64_t kClockStep_s = 4'000;

[[noreturn]] void usage(std::string what, std::string why, std::string remedy = {}) {
  throw Error({std::move(what), std::move(why), std::move(remedy), {}, {}}, Exit::kUsage);
}

void check_layer(const base::Path& layer) {
  if (!std::filesystem::is_directory(layer)) {
    usage(fmt::format("cannot use layer {}", layer.string()), "it is not a directory");
  }
}

}  // namespace

void check_name(const std::string& name, const char* of_what) {
  const auto fits = [](unsigned char c) { return std::isalnum(c) || c == '-'; };
  if (name.empty() || name.size() > kLongestName || name.front() == '-' ||
      !std::all_of(name.begin(), name.end(), fits)) {
    usage(fmt::format("\"{}\" cannot be the name of a {}", name, of_what),
          fmt::format("a name has 1 to {} letters, digits and dashes", kLongestName));
  }
}

void check_spec(const LabSpec& spec) {
  check_name(spec.name, "lab");
  if (spec.hosts.empty() || spec.hosts.size() > kMostHosts) {
    usage("cannot make this lab", fmt::format("it must have 1 to {} hosts", kMostHosts));
  }
  for (const auto& host : spec.hosts) check_name(host, "host");
  if (std::set(spec.hosts.begin(), spec.hosts.end()).size() != spec.hosts.size()) {
    usage("cannot make this lab", "a host is named twice");
  }
  for (const auto& host : spec.without_ferry) {
    if (std::find(spec.hosts.begin(), spec.hosts.end(), host) == spec.hosts.end()) {
      usage(fmt::format("cannot leave ferry out of {}", host), "the lab has no such host");
    }
  }
  const uint64_t rate = spec.rate_bytes_per_second;
  if (rate != 0 && (rate < kLowestRate || rate > kHighestRate)) {
    usage("cannot limit the links to this rate", "it must lie between 64kbit and 100gbit");
  }
  if (spec.delay.count() < 0 || spec.delay > kLongestDelay) {
    usage("cannot delay the links that long", "at most 2s");
  }
  for (const auto& layer : spec.layers) check_layer(layer);
  for (const auto& [host, layers] : spec.own_layers) {
    if (std::find(spec.hosts.begin(), spec.hosts.end(), host) == spec.hosts.end()) {
      usage(fmt::format("cannot lay anything over {}", host), "the lab has no such host");
    }
    for (const auto& layer : layers) check_layer(layer);
  }
}

std::vector<base::Path> layers_of(const LabSpec& spec, const std::string& host) {
  std::vector<base::Path> layers;
  if (const auto own = spec.own_layers.find(host); own != spec.own_layers.end()) layers = own->second;
  layers.insert(layers.end(), spec.layers.begin(), spec.layers.end());
  return layers;
}

kernel::IpPrefix host_prefix(size_t index) {
  return {kernel::IpAddr::parse(fmt::format("10.77.0.{}", index + 1)), 24};
}

kernel::IpPrefix host_ipv6_prefix(size_t index) {
  return {kernel::IpAddr::parse(fmt::format("fd00:77::{:x}", index + 1)), 64};
}

kernel::MacAddr host_mac(size_t index) {
  return {{0x02, 0x77, 0x00, 0x00, 0x00, static_cast<uint8_t>(index + 1)}};
}

kernel::TimeOffsets host_clocks(size_t index) {
  const int64_t ahead_ns = (kFirstClockOffset_s + static_cast<int64_t>(index) * kClockStep_s) * 1'000'000'000;
  // Offsets count from the machine's first time namespace, wherever we are ourselves.
  kernel::TimeOffsets offsets = kernel::own_time_offsets();
  offsets.monotonic_ns += ahead_ns;
  offsets.boottime_ns += ahead_ns;
  return offsets;
}

}  // namespace ferry::lab
