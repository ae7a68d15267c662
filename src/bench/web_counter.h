// SPDX-License-Identifier: Apache-2.0
//
// tests/programs/web_counter.py as a workload: it never skips a number, and its client would
// notice.
#pragma once

#include "bench/workload.h"
#include "load/counter.h"

namespace ferry::bench {

struct CounterState {
  std::string id;  // pid and a number made at its start: the same process as before?
  uint64_t value = 0;
  uint64_t clock_went_back = 0;  // times that its CLOCK_MONOTONIC did
  double worst_step_ms = 0;      // the longest time that it did not run, as far as it knows

  // What it answers to /id, /value and /clock. Throws Error.
  static CounterState parse(const std::string& id, const std::string& value,
                            const std::string& clock);
};

// What is wrong, in words; nothing when the state is intact.
std::vector<std::string> differences(const CounterState& before, const CounterState& after,
                                     const load::CounterReport& answers);
// What a counting client complains of: numbers that came twice, went back, or never came.
std::vector<std::string> complaints(const load::CounterReport& answers);

// What the two have in common: /next, /value, /clock and /id on one port.
class CountingService : public Workload {
 public:
  CountingService(const Hosts& hosts, base::Path program)
      : hosts_(hosts), program_(std::move(program)) {}

  void install(const std::string& host) const override { install_program(hosts_, host, program_); }
  int port() const override { return kPort; }
  void begin(const Running&) override { before_ = look(); }
  std::optional<LoadTarget> load_target() const override;
  StateCheck check(const Running&, const load::Result* load) override;

  static constexpr int kPort = 8080;

 protected:
  std::string get(const std::string& page, base::milliseconds limit = kAnswerLimit) const;
  std::string installed() const { return kInHost / program_.filename(); }
  static constexpr base::milliseconds kAnswerLimit{10'000};

 private:
  CounterState look() const {
    return CounterState::parse(get("/id"), get("/value"), get("/clock"));
  }

  const Hosts& hosts_;
  base::Path program_;
  CounterState before_;
};

std::unique_ptr<Workload> make_web_counter(const WorkloadSpec& spec, const Hosts& hosts);

}  // namespace ferry::bench
