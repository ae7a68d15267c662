// SPDX-License-Identifier: Apache-2.0
//
// ferry's own way: `ferry run` and `ferry move` on the hosts, and what their reports say.
#pragma once

#include <string_view>

#include "bench/way.h"

namespace ferry::bench {

// The modes that this ferry has, in the order of reports.
std::vector<std::string> ferry_modes();

class FerryWay final : public Way {
 public:
  FerryWay(const Hosts& hosts, std::string mode, bool parking = true)
      : hosts_(hosts), mode_(std::move(mode)), parking_(parking) {}

  std::string name() const override {
    return "ferry (" + mode_ + (parking_ ? ")" : ", no parking)");
  }
  void start(const Workload& workload, const std::string& host) override;
  MadeMove move(const Leg& leg) override;
  bool end() override;
  std::string output() const override;

  static constexpr const char* kName = "bench";  // as `ferry ps` calls the workload

 private:
  const Hosts& hosts_;
  std::string mode_;
  bool parking_;
  std::string at_;  // the host where it is
};

// `ferry move` as typed, with what an experiment wants to know of it. `move`: the command's words.
MadeMove move_by_ferry(const Hosts& hosts, const Leg& leg, base::Argv move, const std::string& engine,
                       const std::string& mode);

// The experiment's terms for what `ferry move --json` printed. `ahead_ns`: how far the source's
// CLOCK_REALTIME is ahead of the client's, by which the instants around it were taken. Throws Error
// when it is no such report.
MadeMove made_of(std::string_view report_json, int64_t started_ns, int64_t ended_ns,
                 int64_t ahead_ns);

}  // namespace ferry::bench
