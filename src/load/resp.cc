// SPDX-License-Identifier: Apache-2.0
#include "load/resp.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

namespace ferry::load {
namespace {

constexpr size_t kMaxRespLine = 64 * 1024;    // bytes; Redis's own limit of an inline line
constexpr size_t kMaxBulk = 1024 * 1024;  // bytes kept for the check; RedisPlan asks for no more
constexpr std::string_view kLineEnd = "\r\n";

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || rest != end) return std::nullopt;
  return value;
}

}  // namespace

void append_command(std::string& out, std::initializer_list<std::string_view> words) {
  const auto end = std::back_inserter(out);
  fmt::format_to(end, "*{}\r\n", words.size());
  for (const std::string_view word : words) {
    fmt::format_to(end, "${}\r\n", word.size());
    out.append(word).append(kLineEnd);
  }
}

void RespParser::start() {
  part_ = Part::kType;
  kind_ = Kind::kNone;
  text_.clear();
  complaint_.clear();
  left_ = 0;
}

AnswerState RespParser::take(std::string_view& data) {
  while (!data.empty() && part_ != Part::kEnd && part_ != Part::kBroken) {
    switch (part_) {
      case Part::kType:
        take_type(data.front());
        data.remove_prefix(1);
        break;
      case Part::kLine:
        take_line(data);
        break;
      case Part::kBulk:
        take_bulk(data);
        break;
      default:
        take_bulk_end(data);
    }
  }
  return state();
}

AnswerState RespParser::end_of_stream() {
  if (part_ == Part::kType) {
    broken("the connection was closed before the answer");
  } else if (part_ != Part::kEnd && part_ != Part::kBroken) {
    broken("the connection was closed within the answer");
  }
  return state();
}

AnswerState RespParser::state() const {
  if (part_ == Part::kEnd) return AnswerState::kDone;
  return part_ == Part::kBroken ? AnswerState::kBad : AnswerState::kMore;
}

void RespParser::broken(std::string why) {
  part_ = Part::kBroken;
  complaint_ = std::move(why);
}

void RespParser::take_type(char c) {
  constexpr std::string_view kTypes = "+-:$";
  constexpr Kind kKinds[] = {Kind::kSimple, Kind::kError, Kind::kInteger, Kind::kBulk};
  const size_t index = kTypes.find(c);
  if (index == std::string_view::npos) {
    return broken(c == '*' ? "the answer is an array, which was not asked for"
                           : "the answer is not Redis's protocol");
  }
  kind_ = kKinds[index];
  part_ = Part::kLine;
}

void RespParser::take_line(std::string_view& data) {
  const size_t end = data.find('\n');
  text_.append(data.substr(0, end));
  data.remove_prefix(end == std::string_view::npos ? data.size() : end + 1);
  if (text_.size() > kMaxRespLine) return broken("a line of the answer is too long");
  if (end != std::string_view::npos) line_is_whole();
}

void RespParser::line_is_whole() {
  if (!text_.ends_with('\r')) return broken("a line of the answer has no proper end");
  text_.pop_back();
  part_ = Part::kEnd;
  if (kind_ == Kind::kInteger && !integer()) broken("the answer is not an integer");
  if (kind_ != Kind::kBulk) return;
  const auto length = parse_number<int64_t>(text_);
  text_.clear();
  if (length == -1) {
    kind_ = Kind::kNil;
  } else if (!length || *length < 0) {
    broken("the length of the answer makes no sense");
  } else if (static_cast<uint64_t>(*length) > kMaxBulk) {
    broken(fmt::format("the answer has {} bytes, which is too long to be checked", *length));
  } else {
    expect_bulk(static_cast<size_t>(*length));
  }
}

void RespParser::take_bulk(std::string_view& data) {
  const size_t now = std::min(left_, data.size());
  text_.append(data.substr(0, now));
  data.remove_prefix(now);
  left_ -= now;
  expect_bulk(left_);
}

void RespParser::expect_bulk(size_t length) {
  part_ = length > 0 ? Part::kBulk : Part::kBulkEnd;
  left_ = length > 0 ? length : kLineEnd.size();
}

void RespParser::take_bulk_end(std::string_view& data) {
  if (data.front() != kLineEnd[kLineEnd.size() - left_]) {
    return broken("the answer is longer than it says");
  }
  data.remove_prefix(1);
  if (--left_ == 0) part_ = Part::kEnd;
}

std::optional<int64_t> RespParser::integer() const {
  if (kind_ != Kind::kInteger) return std::nullopt;
  return parse_number<int64_t>(text_);
}

}  // namespace ferry::load
