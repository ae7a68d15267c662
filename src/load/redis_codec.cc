// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <iterator>

#include "load/redis.h"

namespace ferry::load {

std::string_view RedisCodec::begin(uint64_t number, bool first_on_connection) {
  request_ = plan_->request(number);
  parser_.start();
  refusal_.clear();
  surplus_ = 0;
  bytes_.clear();
  greetings_ = 0;
  if (first_on_connection) {
    bytes_ = plan_->greeting();
    greetings_ = plan_->greeting_answers();
  }
  key_.clear();
  fmt::format_to(std::back_inserter(key_), "key:{}", request_.key);
  switch (request_.command) {
    case RedisPlan::Command::kGet:
      make_value(value_, request_.key, plan_->value_size());
      append_command(bytes_, {"GET", key_});
      break;
    case RedisPlan::Command::kSet:
      make_value(value_, request_.key, plan_->value_size());
      append_command(bytes_, {"SET", key_, value_});
      break;
    case RedisPlan::Command::kIncr:
      append_command(bytes_, {"INCR", plan_->counter_key()});
      break;
    case RedisPlan::Command::kPing:
      append_command(bytes_, {"PING"});
  }
  return bytes_;
}

AnswerState RedisCodec::feed(std::string_view data) {
  while (true) {
    const AnswerState state = parser_.take(data);
    if (state != AnswerState::kDone) return state;
    if (greetings_ == 0) break;
    if (parser_.kind() != RespParser::Kind::kSimple) {
      refusal_ = fmt::format("the service does not let us in: \"{}\"", parser_.text());
      return AnswerState::kBad;
    }
    --greetings_;
    parser_.start();
  }
  surplus_ = data.size();
  return AnswerState::kDone;
}

AnswerState RedisCodec::end_of_stream() { return parser_.end_of_stream(); }

const std::string& RedisCodec::complaint() const {
  return refusal_.empty() ? parser_.complaint() : refusal_;
}

std::optional<std::string> RedisCodec::wrong() const {
  using Kind = RespParser::Kind;
  if (parser_.kind() == Kind::kError) return "the service refuses the command";
  const auto expect = [this](bool right, std::string_view command) -> std::optional<std::string> {
    if (right) return std::nullopt;
    return fmt::format("this is no answer to {}", command);
  };
  switch (request_.command) {
    case RedisPlan::Command::kGet:
      return wrong_value();
    case RedisPlan::Command::kSet:
      return expect(parser_.kind() == Kind::kSimple && parser_.text() == "OK", "SET");
    case RedisPlan::Command::kIncr:
      return expect(parser_.kind() == Kind::kInteger, "INCR");
    case RedisPlan::Command::kPing:
      return expect(parser_.kind() == Kind::kSimple && parser_.text() == "PONG", "PING");
  }
  return std::nullopt;
}

std::optional<std::string> RedisCodec::wrong_value() const {
  if (parser_.kind() == RespParser::Kind::kNil) return fmt::format("{} is missing", key_);
  if (parser_.kind() != RespParser::Kind::kBulk) return "this is no answer to GET";
  if (parser_.text() == value_) return std::nullopt;
  if (is_populated_value(parser_.text(), request_.key, plan_->value_size())) return std::nullopt;
  return fmt::format("{} has a value of {} bytes that is not its own of {}", key_,
                     parser_.text().size(), plan_->value_size());
}

std::optional<uint64_t> RedisCodec::number() const {
  const auto integer = parser_.integer();
  if (!integer || *integer < 0) return std::nullopt;
  return static_cast<uint64_t>(*integer);
}

}  // namespace ferry::load
