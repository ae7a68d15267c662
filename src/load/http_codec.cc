// SPDX-License-Identifier: Apache-2.0
#include "load/http_codec.h"

#include <fmt/format.h>

#include <charconv>

namespace ferry::load {

std::optional<std::string> HttpCodec::wrong() const {
  if (parser_.status() < 400) return std::nullopt;
  return fmt::format("HTTP status {}", parser_.status());
}

std::optional<uint64_t> HttpCodec::number() const {
  const std::string_view text = body();
  const char* const end = text.data() + text.size();
  uint64_t number = 0;
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || std::string_view(rest, end) != "\n") return std::nullopt;
  return number;
}

}  // namespace ferry::load
