// SPDX-License-Identifier: Apache-2.0
#include "report/html.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace ferry::report {

namespace {

// A way through the JSON library, which replaces what is no UTF-8.
std::string valid_utf8(std::string_view text) {
  const nlohmann::json value = std::string(text);
  const std::string dumped = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return nlohmann::json::parse(dumped).get<std::string>();
}

bool is_ascii(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  }
  return true;
}

}  // namespace

std::string escape_html(std::string_view text) {
  const std::string valid = is_ascii(text) ? std::string(text) : valid_utf8(text);
  std::string out;
  out.reserve(valid.size());
  for (const char c : valid) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t') out += c;
    }
  }
  return out;
}

std::string escape_script(std::string json) {
  std::string out;
  out.reserve(json.size());
  for (const char c : json) {
    // "</script" and "<!--" can only stand inside of strings, where an escape means the same.
    if (c == '<') {
      out += "\\u003c";
    } else {
      out += c;
    }
  }
  return out;
}

void Html::open(std::string_view tag, Attributes attributes) {
  out_ += fmt::format("<{}", tag);
  for (const auto& [name, value] : attributes) {
    if (!value.empty()) out_ += fmt::format(" {}=\"{}\"", name, escape_html(value));
  }
  out_ += '>';
}

void Html::element(std::string_view tag, Attributes attributes,
                   const std::function<void()>& inner) {
  open(tag, attributes);
  inner();
  out_ += fmt::format("</{}>\n", tag);
}

void Html::element(std::string_view tag, Attributes attributes, std::string_view inner) {
  open(tag, attributes);
  text(inner);
  out_ += fmt::format("</{}>", tag);
}

}  // namespace ferry::report
