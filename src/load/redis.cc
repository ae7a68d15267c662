// SPDX-License-Identifier: Apache-2.0
//
// The plan: a URL taken apart, and a request for each number. The codec is in redis_codec.cc.
#include "load/redis.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <numeric>

#include "base/error.h"

namespace ferry::load {
namespace {

constexpr std::array<std::string_view, RedisPlan::kCommands> kNames = {"get", "set", "incr",
                                                                       "ping"};
constexpr uint64_t kMaxKeys = 1'000'000'000;
constexpr uint64_t kMaxSize = 1024 * 1024;  // bytes; what RespParser keeps
constexpr uint64_t kMaxWeight = 1000;
constexpr uint64_t kMaxDatabase = 1'000'000;

[[noreturn]] void bad_redis_url(std::string_view path, std::string why) {
  throw base::Error({fmt::format("cannot make requests for Redis of \"{}\"", path),
                     std::move(why),
                     "write redis://HOST:PORT/DATABASE?command=get:9,set:1&keys=1000&size=64, or "
                     "?command=incr&key=NAME",
                     {},
                     {}},
                    base::Exit::kUsage);
}

uint64_t number_between(std::string_view path, std::string_view what, std::string_view text,
                        uint64_t least, uint64_t most) {
  uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || rest != end || value < least || value > most) {
    bad_redis_url(path, fmt::format("{} is \"{}\", not a number from {} to {}", what, text, least, most));
  }
  return value;
}

// Cuts the next piece off, and the separator.
std::string_view next_piece(std::string_view& text, char separator) {
  const size_t end = text.find(separator);
  const std::string_view piece = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return piece;
}

// What the values are cut from: so simple a sequence (Lehmer's) that Lua's numbers hold it exactly.
constexpr size_t kPoolBytes = size_t{1} << 20;
constexpr uint64_t kStride = 10'243;  // from one key's cut to the next one's

std::string make_pool() {
  std::string pool;
  uint64_t x = 1;
  for (size_t i = 0; i < kPoolBytes; ++i) {
    x = x * 16'807 % 2'147'483'647;
    pool.push_back(static_cast<char>(x >> 23));
  }
  return pool;
}

// Of both forms of a value. Returns what has been written.
std::string_view value_head(std::array<char, 32>& room, uint64_t key, size_t size) {
  const auto end = fmt::format_to(room.begin(), "value:{}", key);
  return std::string_view(room.data(), static_cast<size_t>(end - room.begin())).substr(0, size);
}

}  // namespace

RedisPlan::RedisPlan(const Target& target, bool counter) {
  std::string_view parameters = target.path;
  const std::string_view database = next_piece(parameters, '?').substr(1);  // after the slash
  while (!parameters.empty()) {
    std::string_view value = next_piece(parameters, '&');
    const std::string_view name = next_piece(value, '=');
    read_parameter(target.path, name, value);
  }
  if (std::accumulate(weights_.begin(), weights_.end(), 0u) == 0) {
    weights_[static_cast<size_t>(Command::kPing)] = 1;
  }
  if (counter && weights_[static_cast<size_t>(Command::kIncr)] == 0) {
    bad_redis_url(target.path, "none of its requests counts, and a counter is to be checked");
  }
  make_cycle();
  make_greeting(target, database);
}

void RedisPlan::read_parameter(std::string_view path, std::string_view name,
                               std::string_view value) {
  if (name == "command") return read_commands(path, value);
  if (name == "keys") {
    keys_ = number_between(path, name, value, 1, kMaxKeys);
  } else if (name == "size") {
    value_size_ = number_between(path, name, value, 0, kMaxSize);
  } else if (name == "key" && !value.empty()) {
    counter_key_ = value;
  } else {
    bad_redis_url(path, fmt::format("\"{}={}\" is none of command, key, keys, size", name, value));
  }
}

void RedisPlan::read_commands(std::string_view path, std::string_view list) {
  while (!list.empty()) {
    std::string_view weight = next_piece(list, ',');
    const std::string_view name = next_piece(weight, ':');
    const auto found = std::find(kNames.begin(), kNames.end(), name);
    if (found == kNames.end()) {
      bad_redis_url(path, fmt::format("\"{}\" is none of get, set, incr, ping", name));
    }
    weights_[static_cast<size_t>(found - kNames.begin())] +=
        weight.empty()
            ? 1
            : static_cast<uint32_t>(number_between(path, "a weight", weight, 1, kMaxWeight));
  }
}

// Spread evenly: of get:9,set:1 no nine gets and then a set, and of get:2,set:2 get, set, get, set.
void RedisPlan::make_cycle() {
  const uint32_t divisor = std::accumulate(weights_.begin(), weights_.end(), 0u,
                                           [](uint32_t a, uint32_t b) { return std::gcd(a, b); });
  for (uint32_t& weight : weights_) weight /= divisor;
  const uint32_t length = std::accumulate(weights_.begin(), weights_.end(), 0u);
  std::array<uint32_t, kCommands> had{};
  for (uint32_t turn = 1; turn <= length; ++turn) {
    const auto behind = [&](size_t command) {  // how far, in turns times length
      return int64_t{turn} * weights_[command] - int64_t{had[command]} * length;
    };
    size_t next = 0;
    for (size_t command = 1; command < kCommands; ++command) {
      if (behind(command) > behind(next)) next = command;
    }
    cycle_.push_back({static_cast<Command>(next), had[next]++});
  }
}

RedisPlan::Request RedisPlan::request(uint64_t number) const {
  const Turn& turn = cycle_[number % cycle_.size()];
  const uint64_t cycle = number / cycle_.size();
  const uint64_t earlier = cycle * weights_[static_cast<size_t>(turn.command)] + turn.earlier;
  return {turn.command, earlier % keys_};
}

void RedisPlan::make_greeting(const Target& target, std::string_view database) {
  if (!target.password.empty()) {
    if (target.user.empty()) {
      append_command(greeting_, {"AUTH", target.password});
    } else {
      append_command(greeting_, {"AUTH", target.user, target.password});
    }
    ++greeting_answers_;
  }
  if (database.empty() ||
      number_between(target.path, "the database", database, 0, kMaxDatabase) == 0) {
    return;
  }
  append_command(greeting_, {"SELECT", database});
  ++greeting_answers_;
}

void make_value(std::string& out, uint64_t key, size_t size) {
  static const std::string pool = make_pool();
  std::array<char, 32> room;
  out.assign(value_head(room, key, size));
  if (out.size() < size) out.push_back(':');
  for (size_t at = key * kStride % kPoolBytes; out.size() < size; at = 0) {
    out.append(pool, at, size - out.size());
  }
}

std::string fill_script(uint64_t keys, size_t size) {
  return fmt::format(
      "local parts, x = {{}}, 1; "
      "for i = 1, {0} / 16 do "
      "  local bytes = {{}}; "
      "  for j = 1, 16 do x = x * 16807 % 2147483647; bytes[j] = math.floor(x / 8388608) end; "
      "  parts[i] = string.char(unpack(bytes)) "
      "end; "
      "local pool = table.concat(parts); pool = pool .. pool; "
      "for key = 0, {2} - 1 do "
      "  local head, at = 'value:' .. key .. ':', key * {1} % {0}; "
      "  redis.call('SET', 'key:' .. key, head .. pool:sub(at + 1, at + {3} - #head)) "
      "end",
      kPoolBytes, kStride, keys, size);
}

bool is_populated_value(std::string_view value, uint64_t key, size_t size) {
  std::array<char, 32> room;
  const std::string_view head = value_head(room, key, size);
  return value.size() == size && value.starts_with(head) &&
         value.find_first_not_of('\0', head.size()) == std::string_view::npos;
}

}  // namespace ferry::load
