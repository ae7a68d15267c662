// SPDX-License-Identifier: Apache-2.0
//
// A client of the census that stays connected over a whole trial and says a numbered line about fifty times a second, whether the
// last one was answered or not. Its own thread.
#pragma once

#include <atomic>
#include <string>
#include <thread>

#include "support/connection.h"

namespace ferry::faults {

class Client {
 public:
  explicit Client(testing::Connection connection);
  ~Client() { thread_.request_stop(); }

  // Stops talking, waits for the answers that are due, says "bye" and waits for the end. What went wrong, else empty.
  std::string say_goodbye();
  uint64_t answered() const { return answered_; }
  double longest_silence_ms() const { return longest_silence_ms_; }  // from one answer to the next

 private:
  void talk(const std::stop_token& stop);
  void read_answer();
  testing::Connection connection_;
  uint64_t said_ = 0;  // the thread's while it runs
  std::atomic<uint64_t> answered_ = 0;
  base::MonoTime last_answer_;
  double longest_silence_ms_ = 0;
  std::string wrong_;
  std::jthread thread_;
};

// After "bye" the peer must close; a socket left in repair mode would do so without a word. What went wrong, else empty.
std::string expect_end_after_bye(testing::Connection& connection);

}  // namespace ferry::faults
