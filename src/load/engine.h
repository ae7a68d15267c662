// SPDX-License-Identifier: Apache-2.0
//
// The machine behind `run`: one thread, one epoll, no blocking call but the wait. A request goes
//
//     schedule → queue → a free slot (connecting it if need be) → answered or failed → recorded
//
// A slot is a connection that carries one request at a time. Free slots take turns, so that all
// connections of a run are used and none idles for long.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "load/counter.h"
#include "load/generator.h"
#include "load/protocol.h"
#include "load/recorder.h"
#include "load/ring.h"
#include "load/schedule.h"
#include "load/tcp.h"

namespace ferry::load {

class Engine {
 public:
  Engine(const Options& options, int stop_fd);
  Result run();

 private:
  struct Slot {
    Connection connection;
    std::unique_ptr<Codec> codec;
    std::string_view request;  // its bytes, the codec's
    bool unused = true;        // nothing has been sent on the connection yet
    bool busy = false;
    uint64_t number = 0;  // of its request, while busy
    Sample sample;        // of its request, while busy
    size_t written = 0;   // bytes of the request
    uint64_t floor = 0;   // see CounterLedger
  };
  struct Flight {  // a request on a slot, in the order they were due
    int64_t deadline_ns;
    uint32_t slot;
    uint64_t number;
  };

  void make_slots();
  void connect_all();
  void loop();
  bool finished(int64_t now) const;
  int64_t next_wakeup(int64_t now) const;
  void wait(int64_t until_ns);
  void watch(uint32_t slot, int operation, uint32_t events);

  void take_due(int64_t now);
  void dispatch();
  void begin(uint32_t slot, int64_t due_ns);
  void expire(int64_t now);
  void stop(int64_t now);
  void abandon_all(int64_t now);

  [[nodiscard]] int start_connecting(uint32_t slot);
  void disconnect(uint32_t slot);
  void handle(uint32_t slot, uint32_t events);
  void opened(uint32_t slot);
  void write(uint32_t slot);
  void read(uint32_t slot);
  void answered(uint32_t slot, int64_t now);
  std::optional<std::string> verdict(Slot& slot);
  void fail(uint32_t slot, Outcome outcome, std::string_view message);
  void fail_io(uint32_t slot, int error, std::string_view doing);
  void release(uint32_t slot);
  void report_progress(int64_t now);
  Result result();

  const Options& options_;
  const int stop_fd_;
  const Target target_;
  const Address address_;
  const Schedule schedule_;
  const int64_t timeout_ns_;

  base::Fd epoll_;
  std::vector<Slot> slots_;
  Ring<uint32_t> free_;
  Ring<int64_t> queue_;  // due_ns of requests without a slot; bounded by queue_limit
  // Bounded by rate * timeout: answered ones leave when they come to the front.
  Ring<Flight> flights_;
  std::array<char, 65536> buffer_;
  Recorder recorder_;
  CounterLedger ledger_;
  uint64_t next_ = 0;      // request of the schedule
  uint64_t numbered_ = 0;  // requests that got a slot so far
  uint32_t busy_ = 0, connecting_ = 0;
  bool stopping_ = false;
  int64_t give_up_ns_ = 0;  // once stopping
  int64_t next_progress_ns_ = 0, recent_worst_ns_ = 0;
};

}  // namespace ferry::load
