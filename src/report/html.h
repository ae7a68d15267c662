// SPDX-License-Identifier: Apache-2.0
//
// Writes HTML in which everything that comes from data is escaped: text() and attributes take any
// bytes, and a tag that was opened is closed by the end of its scope.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace ferry::report {

// For text and for attributes in double quotes. Bytes that are no UTF-8 become U+FFFD, control
// characters vanish.
std::string escape_html(std::string_view text);
// JSON inside of a <script>: the same value, with nothing that could end the script.
std::string escape_script(std::string json);

class Html {
 public:
  using Attributes = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  // An element with what `inner` writes.
  void element(std::string_view tag, Attributes attributes, const std::function<void()>& inner);
  void element(std::string_view tag, Attributes attributes, std::string_view text);
  void element(std::string_view tag, std::string_view text) { element(tag, {}, text); }
  void text(std::string_view text) { out_ += escape_html(text); }
  // Our own markup, style sheets and scripts.
  void trusted(std::string_view markup) { out_ += markup; }

  std::string take() { return std::move(out_); }

 private:
  void open(std::string_view tag, Attributes attributes);

  std::string out_;
};

}  // namespace ferry::report
