// SPDX-License-Identifier: Apache-2.0
#include "faults/client.h"

#include <fmt/format.h>

#include <algorithm>

namespace ferry::faults {
namespace {

constexpr base::milliseconds kPeriod{20};
constexpr int kAnswerLimit_ms = 20'000;  // TCP's own repetitions may be seconds apart after a long silence
constexpr int kEndLimit_ms = 5000;

}  // namespace

Client::Client(testing::Connection connection)
    : connection_(std::move(connection)), last_answer_(base::mono_now()),
      thread_([this](const std::stop_token& stop) { talk(stop); }) {}

void Client::talk(const std::stop_token& stop) {
  auto due = base::mono_now();
  try {
    while (!stop.stop_requested()) {
      if (base::mono_now() >= due) {
        connection_.send(fmt::format("{}\n", ++said_));
        due += kPeriod;
      }
      if (!connection_.is_silent(base::ms_until(due))) read_answer();
    }
  } catch (const std::exception& failure) {
    wrong_ = fmt::format("after request {}, answer {}: {}", said_, answered(), failure.what());
  }
}

// A read may bring several; those that are there already are taken at once.
void Client::read_answer() {
  do {
    const std::string answer = connection_.read_until("\n", kAnswerLimit_ms);
    if (answer != fmt::format("{}\n", answered() + 1)) {
      throw std::runtime_error(fmt::format("the answer to {} is {}", answered() + 1, answer));
    }
    ++answered_;
  } while (connection_.has_read_ahead());
  const auto now = base::mono_now();
  longest_silence_ms_ = std::max(longest_silence_ms_, base::ms_between(last_answer_, now));
  last_answer_ = now;
}

std::string Client::say_goodbye() {
  thread_.request_stop();
  thread_.join();
  if (!wrong_.empty()) return wrong_;
  try {
    while (answered_ < said_) read_answer();
  } catch (const std::exception& failure) {
    return fmt::format("after request {}, answer {}: {}", said_, answered(), failure.what());
  }
  return expect_end_after_bye(connection_);
}

std::string expect_end_after_bye(testing::Connection& connection) {
  try {
    connection.send("bye\n");
    const std::string more = connection.read_until("\n", kEndLimit_ms);
    return fmt::format("after \"bye\" it said {}", more);
  } catch (const testing::Connection::Ended&) {
    return {};
  } catch (const std::exception& failure) {
    return fmt::format("no end after \"bye\": {}", failure.what());
  }
}

}  // namespace ferry::faults
