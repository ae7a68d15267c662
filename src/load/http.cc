// SPDX-License-Identifier: Apache-2.0
#include "load/http.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace ferry::load {
namespace {

constexpr size_t kMaxHead = 64 * 1024;    // bytes; what nginx and Apache allow at most
constexpr size_t kMaxLine = 1024;         // bytes of a chunk's size line or of a trailer
constexpr size_t kMaxBody = 1024 * 1024;  // bytes kept for a check; longer bodies cannot be checked
constexpr uint64_t kMaxLength = 1ull << 50;  // bytes; more is nonsense and could overflow

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    const auto low = [](char c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c + 0; };
    return low(x) == low(y);
  });
}

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// Whether `word` is one of the comma-separated ones.
bool has_word(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    if (same_word(trim(list.substr(0, comma)), word)) return true;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return false;
}

bool parse_number(std::string_view text, int base, uint64_t& value) {
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value, base);
  return !text.empty() && error == std::errc() && rest == end && value <= kMaxLength;
}

}  // namespace

std::string http_request(const Target& target, bool keep_alive) {
  return fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: ferry\r\nAccept: */*\r\n{}\r\n",
                     target.path, target.authority(), keep_alive ? "" : "Connection: close\r\n");
}

void HttpParser::start(bool keep_body) {
  part_ = Part::kHead;
  line_.clear();
  body_.clear();
  complaint_.clear();
  left_ = length_ = 0;
  surplus_ = 0;
  status_ = 0;
  keep_body_ = keep_body;
  keep_alive_ = untouched_ = true;
  chunked_ = has_length_ = false;
}

HttpParser::State HttpParser::feed(std::string_view data) {
  if (!data.empty()) untouched_ = false;
  while (!data.empty() && part_ != Part::kEnd && part_ != Part::kBroken) step(data);
  if (part_ == Part::kEnd) surplus_ += data.size();
  return state();
}

HttpParser::State HttpParser::end_of_stream() {
  if (part_ == Part::kUntilClose) part_ = Part::kEnd;
  if (part_ != Part::kEnd && part_ != Part::kBroken)
    broken(untouched_ ? "the connection was closed before the answer"
                      : "the connection was closed within the answer");
  keep_alive_ = false;
  return state();
}

HttpParser::State HttpParser::state() const {
  if (part_ == Part::kEnd) return State::kDone;
  return part_ == Part::kBroken ? State::kBad : State::kMore;
}

void HttpParser::broken(std::string why) {
  part_ = Part::kBroken;
  complaint_ = std::move(why);
}

void HttpParser::step(std::string_view& data) {
  switch (part_) {
    case Part::kHead:
      return take_head(data);
    case Part::kSized:
      return take_body(data, Part::kEnd);
    case Part::kChunkData:
      return take_body(data, Part::kChunkEnd);
    case Part::kUntilClose:
      left_ = data.size();
      return take_body(data, Part::kUntilClose);
    default:
      break;
  }
  if (!take_line(data, kMaxLine)) return;
  const std::string_view line = trim(line_);
  if (part_ == Part::kChunkSize) {
    take_chunk_size(line);
  } else if (part_ == Part::kChunkEnd) {
    part_ = Part::kChunkSize;
    if (!line.empty()) broken("a chunk is longer than it says");
  } else if (line.empty()) {
    part_ = Part::kEnd;  // of the trailers
  }
  line_.clear();
}

// Moves a whole line into line_, without its end. False while some of it is missing.
bool HttpParser::take_line(std::string_view& data, size_t limit) {
  const size_t end = data.find('\n');
  line_.append(data.substr(0, end));
  data.remove_prefix(end == std::string_view::npos ? data.size() : end + 1);
  if (line_.size() > limit) broken("a line of the answer is too long");
  return end != std::string_view::npos && part_ != Part::kBroken;
}

void HttpParser::take_chunk_size(std::string_view line) {
  if (!parse_number(trim(line.substr(0, line.find(';'))), 16, left_)) {
    return broken("a chunk has no size");
  }
  part_ = left_ ? Part::kChunkData : Part::kTrailers;
}

void HttpParser::take_body(std::string_view& data, Part then) {
  const size_t now = std::min<uint64_t>(left_, data.size());
  if (keep_body_) {
    if (body_.size() + now > kMaxBody) return broken("its body is too long to be checked");
    body_.append(data.substr(0, now));
  }
  data.remove_prefix(now);
  left_ -= now;
  if (left_ == 0) part_ = then;
}

// The usual answer comes in one piece, and is then parsed where it lies.
void HttpParser::take_head(std::string_view& data) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  const size_t before = line_.size();
  if (before == 0) {
    if (const size_t end = data.find(kEnd); end != std::string_view::npos) {
      const std::string_view head = data.substr(0, end);
      data.remove_prefix(end + kEnd.size());
      return parse_head(head);
    }
  }
  line_.append(data.substr(0, kMaxHead + kEnd.size()));
  const size_t end = line_.find(kEnd, before < kEnd.size() ? 0 : before - kEnd.size());
  if (end == std::string_view::npos) {
    data = {};
    if (line_.size() > kMaxHead) return broken("the head of the answer is too long");
    if (!line_.starts_with(std::string_view("HTTP/1.").substr(0, line_.size())))
      broken("the answer is not HTTP");
    return;
  }
  data.remove_prefix(end + kEnd.size() - before);
  const std::string head = std::exchange(line_, {}).substr(0, end);
  parse_head(head);
}

void HttpParser::parse_head(std::string_view head) {
  size_t end = head.find("\r\n");
  parse_status(head.substr(0, end));
  while (end != std::string_view::npos && part_ != Part::kBroken) {
    head.remove_prefix(end + 2);
    end = head.find("\r\n");
    parse_header(head.substr(0, end));
  }
  if (part_ != Part::kBroken) choose_body();
}

void HttpParser::parse_status(std::string_view line) {
  uint64_t status = 0;
  const bool shape = line.size() >= 12 && line.starts_with("HTTP/1.") && line[8] == ' ' &&
                     (line.size() == 12 || line[12] == ' ');
  if (!shape || !parse_number(line.substr(9, 3), 10, status) || status < 100) {
    return broken("the answer is not HTTP");
  }
  status_ = static_cast<int>(status);
  keep_alive_ = line[7] != '0';
}

void HttpParser::parse_header(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return broken("a header has no colon");
  const std::string_view name = line.substr(0, colon), value = trim(line.substr(colon + 1));
  if (same_word(name, "content-length")) {
    uint64_t length = 0;
    if (!parse_number(value, 10, length) || (has_length_ && length != length_)) {
      return broken("its Content-Length makes no sense");
    }
    has_length_ = true;
    length_ = length;
  } else if (same_word(name, "transfer-encoding")) {
    chunked_ = has_word(value, "chunked");
  } else if (same_word(name, "connection")) {
    if (has_word(value, "close")) keep_alive_ = false;
    if (has_word(value, "keep-alive")) keep_alive_ = true;
  }
}

// RFC 9112, 6.3: which of the ways a body can end is this one's.
void HttpParser::choose_body() {
  if (status_ < 200) {  // "100 Continue": the real one follows
    start(keep_body_);
    untouched_ = false;
    return;
  }
  if (status_ == 204 || status_ == 304) {
    part_ = Part::kEnd;
  } else if (chunked_) {
    part_ = Part::kChunkSize;
  } else if (has_length_) {
    left_ = length_;
    part_ = left_ ? Part::kSized : Part::kEnd;
  } else {
    part_ = Part::kUntilClose;
    keep_alive_ = false;
  }
}

}  // namespace ferry::load
