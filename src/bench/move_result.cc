// SPDX-License-Identifier: Apache-2.0
#include "bench/move_result.h"

#include "base/error.h"
#include "bench/numbers.h"

namespace ferry::bench {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

ordered_json optional_ms(const std::optional<double>& ms) {
  return ms ? ordered_json(rounded(*ms)) : ordered_json();
}

ordered_json to_json(const Latency& latency) {
  return {{"p50", optional_ms(latency.p50_ms)}, {"p99", optional_ms(latency.p99_ms)}};
}

void add_client(ordered_json& out, const ClientView& client) {
  out["client_gap_ms"] = optional_ms(client.gap_ms);
  out["worst_latency_ms"] = optional_ms(client.worst_latency_ms);
  out["requests"] = client.requests;
  out["errors"] = client.errors;
  out["resets"] = client.resets;
  out["unanswered"] = client.unanswered;
  for (size_t i = 0; i < load::kOutcomes; ++i) {
    if (!load::is_error(static_cast<load::Outcome>(i)) || client.counts[i] == 0) continue;
    out["errors_by_kind"][std::string(load::kOutcomeNames[i])] = client.counts[i];
  }
  out["latency"] = {{"before", to_json(client.before)},
                    {"during", to_json(client.during)},
                    {"after", to_json(client.after)}};
}

migration::Report parse(const json& in) {
  migration::Report report;
  report.result = in.at("result");
  report.name = in.at("name");
  report.source = in.at("source");
  report.target = in.at("target");
  report.job = in.at("job");
  report.mode = in.at("mode");
  report.via = in.at("via");
  report.frozen_ms = in.at("frozen_ms");
  report.total_ms = in.at("total_ms");
  report.bytes_sent = in.at("bytes_sent");
  report.memory_bytes = in.at("memory_bytes");
  report.frozen_real_ns = in.at("frozen_real_ns");
  report.resumed_real_ns = in.at("resumed_real_ns");
  report.journal = in.at("journal");
  for (const json& phase : in.at("phases")) {
    report.phases.push_back({phase.at("name"), phase.at("start_ms"), phase.at("ms")});
  }
  if (in.contains("error")) {
    const json& error = in.at("error");
    report.error = {error.at("what"), error.at("why"), error.at("remedy"), error.at("host"),
                    error.at("log")};
  }
  return report;
}

}  // namespace

std::optional<double> MoveResult::phase_ms(std::string_view name) const {
  for (const auto& phase : report.phases) {
    if (phase.name == name) return phase.ms;
  }
  return std::nullopt;
}

migration::Report parse_report(std::string_view text) {
  try {
    return parse(json::parse(text));
  } catch (const json::exception& failure) {
    throw base::Error({"cannot read the report of a move", failure.what(), "", {}, {}});
  }
}

ordered_json to_json(const MoveResult& move) {
  const auto& report = move.report;
  ordered_json out = {
      {"workload", move.workload},
      {"engine", move.engine},
      {"mode", report.mode},
      {"via", move.way},
      {"transport", report.via},
      {"source", move.leg.from},
      {"target", move.leg.to},
      {"result", report.result},
      {"state_intact", move.state_intact ? ordered_json(*move.state_intact) : ordered_json()},
      {"memory_bytes", report.memory_bytes},
      {"bytes_sent", report.bytes_sent},
      {"frozen_ms", move.moved() ? ordered_json(rounded(report.frozen_ms)) : ordered_json()},
      {"total_ms", rounded(report.total_ms)}};
  if (move.client) add_client(out, *move.client);
  out["started_real_ns"] = move.started_ns;
  out["frozen_real_ns"] = report.frozen_real_ns;
  out["resumed_real_ns"] = report.resumed_real_ns;
  out["ended_real_ns"] = move.ended_ns;
  out["phases"] = ordered_json::array();
  for (const auto& phase : report.phases) {
    out["phases"].push_back(
        {{"name", phase.name}, {"start_ms", rounded(phase.start_ms)}, {"ms", rounded(phase.ms)}});
  }
  if (!move.moved()) {
    out["error"] = {{"what", report.error.what},
                    {"why", report.error.why},
                    {"remedy", report.error.remedy},
                    {"host", report.error.host}};
  }
  return out;
}

}  // namespace ferry::bench
