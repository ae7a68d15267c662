// SPDX-License-Identifier: Apache-2.0
#include "bench/web_counter.h"

#include <fmt/format.h>

#include <sstream>

#include "base/error.h"
#include "bench/conversation.h"

namespace ferry::bench {

namespace {

class WebCounter final : public CountingService {
 public:
  using CountingService::CountingService;
  base::Argv command() const override {
    return {"/usr/bin/python3", installed(), std::to_string(kPort)};
  }
};

}  // namespace

std::string CountingService::get(const std::string& page, base::milliseconds limit) const {
  return http_get(hosts_, hosts_.roles().client, hosts_.address().ip, kPort, page, limit);
}

std::optional<LoadTarget> CountingService::load_target() const {
  return LoadTarget{LoadTarget::Tool::kLoadTest,
                    fmt::format("http://{}:{}/next", hosts_.address().ip, kPort), true};
}

StateCheck CountingService::check(const Running&, const load::Result* load) {
  const CounterState after = look();
  const auto answers = load && load->counter ? *load->counter : load::CounterReport{};
  StateCheck check;
  check.differences = differences(before_, after, answers);
  check.words = {
      fmt::format("{} increments were answered, and the service has counted from {} to {}",
                  answers.received, before_.value, after.value),
      "it has its pid and the number that it made at its start, and its clock never went back"};
  return check;
}

CounterState CounterState::parse(const std::string& id, const std::string& value,
                                 const std::string& clock) {
  CounterState state;
  std::istringstream in(id + "\n" + value + "\n" + clock);
  int64_t monotonic_ns = 0, boottime_ns = 0, worst_step_ns = 0;
  std::getline(in, state.id);
  in >> state.value >> monotonic_ns >> boottime_ns >> worst_step_ns >> state.clock_went_back;
  if (!in || state.id.empty()) {
    throw base::Error({"cannot understand the service", "it says: " + in.str(), "", {}, {}});
  }
  state.worst_step_ms = static_cast<double>(worst_step_ns) / 1e6;
  return state;
}

std::vector<std::string> complaints(const load::CounterReport& answers) {
  std::vector<std::string> found;
  if (answers.repeated > 0) found.push_back(fmt::format("{} numbers came twice", answers.repeated));
  if (answers.backwards > 0) {
    found.push_back(fmt::format("{} times the counter went back", answers.backwards));
  }
  if (answers.unaccounted > 0) {
    found.push_back(fmt::format("{} numbers never came", answers.unaccounted));
  }
  return found;
}

std::vector<std::string> differences(const CounterState& before, const CounterState& after,
                                     const load::CounterReport& answers) {
  std::vector<std::string> found = complaints(answers);
  if (before.id != after.id) {
    found.push_back(fmt::format("it is another process: \"{}\" was \"{}\"", after.id, before.id));
  }
  // A request that failed after it was sent may have counted, or not.
  const uint64_t least = before.value + answers.received;
  const uint64_t most = least + answers.failed_after_sent;
  if (after.value < least || after.value > most) {
    found.push_back(fmt::format("the counter is at {}, but {} increments were answered",
                                after.value, answers.received));
  }
  if (after.clock_went_back > before.clock_went_back) {
    found.push_back("its CLOCK_MONOTONIC went back");
  }
  return found;
}

std::unique_ptr<Workload> make_web_counter(const WorkloadSpec& spec, const Hosts& hosts) {
  const base::Path program =
      spec.web_counter.empty() ? find_program("web_counter.py") : spec.web_counter;
  return std::make_unique<WebCounter>(hosts, program);
}

}  // namespace ferry::bench
