// SPDX-License-Identifier: Apache-2.0
#include "report/quantities.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

namespace ferry::report {

namespace {

constexpr std::string_view kSpace = "\u00a0";  // no line is broken here

std::string with_commas(const std::string& digits) {
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

}  // namespace

std::string text_count(uint64_t count) { return with_commas(fmt::format("{}", count)); }

std::string text_number(double value) {
  const double size = std::abs(value);
  if (!std::isfinite(value)) return "–";
  if (size == 0) return "0";
  if (size < 9.995) return fmt::format("{:.2f}", value);
  if (size < 99.95) return fmt::format("{:.1f}", value);
  if (size >= 1e15) return fmt::format("{:.2e}", value);
  return (value < 0 ? "-" : "") + text_count(static_cast<uint64_t>(std::llround(size)));
}

std::string text_ms(double ms) {
  if (std::abs(ms) >= 999.5) return fmt::format("{}{}s", text_number(ms / 1000), kSpace);
  return fmt::format("{}{}ms", text_number(ms), kSpace);
}

std::string text_bytes(double bytes) {
  constexpr std::array units = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  for (; bytes >= 1000 && unit + 1 < units.size(); ++unit) bytes /= 1024;
  const int digits = unit == 0 || bytes >= 99.95 ? 0 : 1;
  return fmt::format("{:.{}f}{}{}", bytes, digits, kSpace, units[unit]);
}

std::string text_percent(double share) {
  return fmt::format("{:.{}f}{}%", share * 100, share != 0 && std::abs(share) < 0.1 ? 1 : 0,
                     kSpace);
}

std::string range_text(const std::string& low, const std::string& high) {
  if (low == high) return low;
  const size_t space = low.find(kSpace), other = high.find(kSpace);
  const bool same_unit = space != std::string::npos && other != std::string::npos &&
                         low.substr(space) == high.substr(other);
  return (same_unit ? low.substr(0, space) : low) + "–" + high;
}

}  // namespace ferry::report
