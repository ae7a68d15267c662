// SPDX-License-Identifier: Apache-2.0
//
// Redis for the engine: which command each request is, and whether its answer is right.
//
//     redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE][?command=get:9,set:1&keys=1000&size=64]
//     redis://HOST?command=incr&key=NAME
//
// Commands are get, set, incr and ping, each with a weight (1 if not given); key is the name of
// incr's counter. get and set walk over the keys "key:0" to "key:KEYS-1" in turn, so that as many
// requests as there are keys touch each once. The value of a key follows from its name and size: a
// set can be checked by any later run. Besides those that `set` writes, `get` takes those of
// Redis's own DEBUG POPULATE.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "load/protocol.h"
#include "load/resp.h"

namespace ferry::load {

class RedisPlan {
 public:
  enum class Command : uint8_t { kGet, kSet, kIncr, kPing };
  static constexpr size_t kCommands = 4;
  struct Request {
    Command command = Command::kPing;
    uint64_t key = 0;  // of get and set: its number
  };

  // Throws Error (usage), also when `counter` and no request is an incr.
  RedisPlan(const Target& target, bool counter);

  Request request(uint64_t number) const;
  const std::string& counter_key() const { return counter_key_; }
  size_t value_size() const { return value_size_; }
  // What a new connection begins with, and how many answers that gets.
  const std::string& greeting() const { return greeting_; }
  uint32_t greeting_answers() const { return greeting_answers_; }

 private:
  struct Turn {
    Command command;
    uint32_t earlier;  // of the same command in the same cycle
  };

  void read_parameter(std::string_view path, std::string_view name, std::string_view value);
  void read_commands(std::string_view path, std::string_view list);
  void make_cycle();
  void make_greeting(const Target& target, std::string_view database);

  std::array<uint32_t, kCommands> weights_{};
  std::vector<Turn> cycle_;  // by the number of the request, over and over
  uint64_t keys_ = 1000;
  size_t value_size_ = 64;  // bytes
  std::string counter_key_ = "ferry:counter";
  std::string greeting_;
  uint32_t greeting_answers_ = 0;
};

// Makes `out` the value of a key: "value:KEY:" and bytes that do not compress, or as much of that
// as fits.
void make_value(std::string& out, uint64_t key, size_t size);
// For EVAL: sets each of the keys to its value, of 32 bytes to 1 MiB. 1 GiB takes a few seconds.
std::string fill_script(uint64_t keys, size_t size);
// Whether it is that of DEBUG POPULATE: "value:KEY" and zeros.
bool is_populated_value(std::string_view value, uint64_t key, size_t size);

class RedisCodec : public Codec {
 public:
  // The plan is of all codecs of a run.
  explicit RedisCodec(std::shared_ptr<const RedisPlan> plan) : plan_(std::move(plan)) {}

  std::string_view begin(uint64_t number, bool first_on_connection) override;
  AnswerState feed(std::string_view data) override;
  AnswerState end_of_stream() override;
  const std::string& complaint() const override;
  std::string_view body() const override { return parser_.text(); }
  std::optional<std::string> wrong() const override;
  bool keep_alive() const override { return true; }
  size_t surplus() const override { return surplus_; }
  bool takes_number() const override { return request_.command == RedisPlan::Command::kIncr; }
  std::optional<uint64_t> number() const override;

 private:
  std::optional<std::string> wrong_value() const;

  const std::shared_ptr<const RedisPlan> plan_;
  RedisPlan::Request request_;
  RespParser parser_;
  std::string bytes_, key_, value_;  // of the request; kept for their room
  std::string refusal_;              // of the greeting
  uint32_t greetings_ = 0;           // answers that come before that of the request
  size_t surplus_ = 0;
};

}  // namespace ferry::load
