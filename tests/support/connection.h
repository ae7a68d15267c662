// SPDX-License-Identifier: Apache-2.0
//
// A client's TCP connection, made in the network of a virtual host and held by the test itself: what a move does to it
// (a byte lost, a reset, an acknowledgement too early) shows here and nowhere else.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "support/lab.h"

namespace ferry::testing {

class Connection {
 public:
  // The peer closed it.
  struct Ended : base::Error {
    Ended() : Error({"the peer closed an open connection", "", "", {}, {}}) {}
  };
  // Throws SysError when it is refused.
  Connection(const Lab& lab, const std::string& host, const std::string& address, int port);

  void send(std::string_view text) { base::write_full(fd_.get(), text); }
  // Up to and with `end`. Throws Error when the peer closed or reset it, or nothing comes within the limit.
  std::string read_until(std::string_view end, int limit_ms = 20'000);
  std::string read_bytes(size_t count, int limit_ms = 20'000);
  bool has_read_ahead() const { return !read_ahead_.empty(); }  // what was read is not all taken
  bool is_silent(int for_ms) const { return !base::wait_readable(fd_.get(), for_ms); }

  // HTTP: a GET on this connection; the body of its answer, which must be a 200.
  std::string get(const std::string& path);
  void send_get(const std::string& path);
  std::string read_answer();
  int next() { return std::stoi(get("/next")); }  // of the web counter

  int unacknowledged() const;   // segments that the other side's kernel has not taken yet
  bool is_established() const;

 private:
  void read_more(base::MonoTime deadline);
  std::string take(size_t count);
  base::Fd fd_;
  std::string read_ahead_;
};

}  // namespace ferry::testing
