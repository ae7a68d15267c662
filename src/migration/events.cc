// SPDX-License-Identifier: Apache-2.0
#include "migration/events.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace ferry::migration {

void PhaseClock::start(std::string name) {
  stop();
  phases_.push_back({name, elapsed_ms(), 0});
  running_ = true;
  observer_.phase(phases_.back().name);
}

void PhaseClock::stop() {
  if (running_) phases_.back().ms = elapsed_ms() - phases_.back().start_ms;
  running_ = false;
}

namespace {

using nlohmann::ordered_json;

double rounded(double ms) { return std::round(ms * 1000) / 1000; }

ordered_json to_json(const Round& round) {
  return {{"number", round.number},
          {"start_ms", rounded(round.start_ms)},
          {"ms", rounded(round.ms)},
          {"dirty_bytes", round.dirty_bytes},
          {"sent_bytes", round.sent_bytes},
          {"dirty_bytes_per_s", std::round(round.dirty_bytes_per_s)},
          {"copied_bytes_per_s", std::round(round.copied_bytes_per_s)},
          {"expected_pause_ms", rounded(round.expected_pause_ms)},
          {"throttle_percent", round.throttle_percent}};
}

ordered_json to_json(const ThrottleReport& throttle) {
  return {{"most_percent", throttle.most_percent},
          {"percent", throttle.percent},
          {"ms", rounded(throttle.ms)},
          {"stopped_ms", rounded(throttle.stopped_ms)}};
}

ordered_json to_json(const ParkingReport& parking) {
  if (!parking.on) return {{"on", false}, {"why_not", parking.why_not}};
  return {{"on", true},
          {"frames", parking.frames},
          {"bytes", parking.bytes},
          {"overflow", parking.overflow},
          {"forwarded", parking.forwarded},
          {"held", parking.held},
          {"late", parking.late},
          {"takeover_ms", rounded(parking.takeover_ms)}};
}

ordered_json to_json(const Cost& cost) {
  return {{"cpu_ms", rounded(cost.cpu_ms)}, {"peak_rss_bytes", cost.peak_rss_bytes}};
}

}  // namespace

std::string to_json(const Report& r) {
  ordered_json j = {{"result", r.result},
                    {"name", r.name},
                    {"source", r.source},
                    {"target", r.target},
                    {"job", r.job},
                    {"engine", r.engine},
                    {"mode", r.mode},
                    {"via", r.via},
                    {"frozen_ms", rounded(r.frozen_ms)},
                    {"total_ms", rounded(r.total_ms)},
                    {"bytes_sent", r.bytes_sent},
                    {"memory_bytes", r.memory_bytes},
                    {"shared_bytes", r.shared_bytes},
                    {"shared_last_bytes", r.shared_last_bytes},
                    {"image_bytes", r.image_bytes},
                    {"taken_back", r.taken_back},
                    {"frozen_real_ns", r.frozen_real_ns},
                    {"resumed_real_ns", r.resumed_real_ns},
                    {"journal", r.journal}};
  if (!r.tracking.empty()) j["tracking"] = r.tracking;
  j["phases"] = ordered_json::array();
  for (const auto& phase : r.phases) {
    j["phases"].push_back({{"name", phase.name}, {"start_ms", rounded(phase.start_ms)}, {"ms", rounded(phase.ms)}});
  }
  j["rounds"] = ordered_json::array();
  for (const auto& round : r.rounds) j["rounds"].push_back(to_json(round));
  if (!r.freeze_reason.empty()) {
    j["expected_pause_ms"] = rounded(r.expected_pause_ms);
    j["freeze_reason"] = r.freeze_reason;
  }
  j["tcp"] = {{"policy", r.tcp.policy}, {"connections", r.tcp.connections}};
  if (!r.service_address.empty()) j["service_address"] = r.service_address;
  j["parking"] = to_json(r.parking);
  if (!r.relay.empty()) j["relay"] = r.relay;
  j["cost"] = {{"source", to_json(r.source_cost)}};
  if (r.target_cost) j["cost"]["target"] = to_json(*r.target_cost);
  if (r.throttle.most_percent > 0) j["throttle"] = to_json(r.throttle);
  if (r.settle_ms > 0) {
    j["settle_ms"] = rounded(r.settle_ms);
    j["left_at_resume_bytes"] = r.left_at_resume;
    j["faults"] = r.faults;
    j["pulled_bytes"] = r.pulled_bytes;
    j["worst_fault_ms"] = rounded(r.worst_fault_ms);
  }
  if (r.result != "moved") {
    j["error"] = {{"what", r.error.what}, {"why", r.error.why}, {"remedy", r.error.remedy},
                  {"host", r.error.host}, {"log", r.error.log}};
  }
  return j.dump(2);
}

}  // namespace ferry::migration
