// SPDX-License-Identifier: Apache-2.0
//
// One non-blocking TCP connection. What goes wrong on it is a value, an errno: it is what the
// generator measures.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "load/result.h"
#include "load/target.h"

namespace ferry::load {

struct Io {
  size_t bytes = 0;
  int error = 0;     // errno; 0 also when the socket would block
  bool end = false;  // the peer has closed
};

class Connection {
 public:
  enum class State { kClosed, kConnecting, kOpen };

  State state() const { return state_; }
  int fd() const { return fd_.get(); }

  // Returns 0 or an errno. Then kConnecting until `finish_connect`, to be called once the socket is
  // writable.
  [[nodiscard]] int connect(const Address& address);
  [[nodiscard]] int finish_connect();
  [[nodiscard]] Io send(std::string_view data);
  [[nodiscard]] Io receive(std::span<char> buffer);
  void close();
  // With a reset instead of a FIN: thousands of connections per second would otherwise run out of
  // local ports, each of which stays in TIME_WAIT for a minute. Only once the whole answer is here.
  void close_hard();

 private:
  base::Fd fd_;
  State state_ = State::kClosed;
};

// What a failure of connect, send or receive counts as.
Outcome outcome_of(int error);

}  // namespace ferry::load
