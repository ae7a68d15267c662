// SPDX-License-Identifier: Apache-2.0
#include "base/units.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <span>

#include "base/error.h"

namespace ferry::base {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr std::array kByteUnits = {
    Unit{"", 1},           Unit{"b", 1},
    Unit{"k", 1024},       Unit{"m", 1048576},       Unit{"g", 1073741824},
    Unit{"kib", 1024},     Unit{"mib", 1048576},     Unit{"gib", 1073741824},
    Unit{"kb", 1e3},       Unit{"mb", 1e6},          Unit{"gb", 1e9},
};
constexpr std::array kRateUnits = {
    Unit{"kbit", 1e3 / 8}, Unit{"mbit", 1e6 / 8},    Unit{"gbit", 1e9 / 8},
    Unit{"kb/s", 1e3},     Unit{"mb/s", 1e6},        Unit{"gb/s", 1e9},
    Unit{"kib/s", 1024},   Unit{"mib/s", 1048576},   Unit{"gib/s", 1073741824},
};
constexpr std::array kTimeUnits = {  // in nanoseconds
    Unit{"ns", 1}, Unit{"us", 1e3}, Unit{"ms", 1e6}, Unit{"s", 1e9}, Unit{"m", 60e9}, Unit{"h", 3600e9},
};

constexpr std::array kPercentUnits = {Unit{"%", 1}};

constexpr double kLargest = 9.0e18;  // fits int64_t

std::optional<double> parse(std::string_view text, std::span<const Unit> units) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || number < 0) return std::nullopt;
  std::string unit(rest, end);
  for (char& c : unit) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const Unit& known : units) {
    if (unit != known.name) continue;
    const double value = std::round(number * known.factor);
    if (!(value <= kLargest)) return std::nullopt;
    return value;
  }
  return std::nullopt;
}

double parse_or_refuse(std::string_view text, std::span<const Unit> units, std::string_view kind,
                       std::string_view examples) {
  if (const auto value = parse(text, units)) return *value;
  throw Error({fmt::format("\"{}\" is not {}", text, kind), "", fmt::format("write {}", examples), {}, {}},
              Exit::kUsage);
}

}  // namespace

uint64_t parse_bytes(std::string_view text) {
  return static_cast<uint64_t>(parse_or_refuse(text, kByteUnits, "a size", "64MiB, 1GB or 4096"));
}

uint64_t parse_rate(std::string_view text) {
  return static_cast<uint64_t>(
      parse_or_refuse(text, kRateUnits, "a rate (it needs a unit)", "1gbit or 100MB/s"));
}

std::chrono::nanoseconds parse_duration(std::string_view text) {
  return std::chrono::nanoseconds(static_cast<int64_t>(
      parse_or_refuse(text, kTimeUnits, "a duration (it needs a unit)", "50ms, 2s or 1m")));
}

int parse_percent(std::string_view text) {
  const double percent = parse_or_refuse(text, kPercentUnits, "a percentage", "80%");
  if (percent > 100) throw Error({fmt::format("\"{}\" is more than all of it", text), "", "write 80%", {}, {}}, Exit::kUsage);
  return static_cast<int>(percent);
}

std::string format_bytes(uint64_t bytes) {
  constexpr std::array names = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes);
  size_t step = 0;
  for (value /= 1024; value >= 1024 && step + 1 < names.size(); ++step) value /= 1024;
  return fmt::format("{:.1f} {}", value, names[step]);
}

std::string format_rate(double bytes_per_second) {
  return format_bytes(static_cast<uint64_t>(bytes_per_second)) + "/s";
}

std::string format_ms(double ms) {
  if (ms >= 1000) return fmt::format("{:.2f} s", ms / 1000);
  return fmt::format("{:.1f} ms", ms);
}

}  // namespace ferry::base
