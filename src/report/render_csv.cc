// SPDX-License-Identifier: Apache-2.0
//
// Comma-separated values by RFC 4180, for spreadsheets and scripts: columns are named as in the
// JSON, empty where nothing was measured.
#include <fmt/format.h>

#include <cmath>
#include <set>

#include "report/experiment_json.h"
#include "report/report.h"

namespace ferry::report {

namespace {

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

// A spreadsheet takes a text that begins like this for a formula, and runs it.
std::string safe(const std::string& text) {
  const bool formula =
      !text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos;
  return quoted(formula ? "'" + text : text);
}

std::string cell(const nlohmann::ordered_json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return safe(value.get<std::string>());
  return value.dump();
}

constexpr const char* kFields[] = {"workload",
                                   "engine",
                                   "mode",
                                   "via",
                                   "way",
                                   "repetition",
                                   "source",
                                   "target",
                                   "result",
                                   "memory_bytes",
                                   "frozen_ms",
                                   "client_gap_ms",
                                   "worst_latency_ms",
                                   "ping_gap_ms",
                                   "retransmissions",
                                   "unexplained_retransmissions",
                                   "captured_resets",
                                   "total_ms",
                                   "settle_ms",
                                   "stream_bytes_per_s",
                                   "cpu_ms",
                                   "source_rss_bytes",
                                   "target_rss_bytes",
                                   "bytes_sent",
                                   "requests",
                                   "errors",
                                   "resets",
                                   "state_intact",
                                   "time_lost_ms",
                                   "steps"};
constexpr const char* kQuantiles[] = {"answered", "failed", "p50_ms", "p99_ms", "max_ms"};
constexpr const char* kParts[] = {"before", "during", "after"};

std::set<std::string> parameter_names(const Experiment& experiment) {
  std::set<std::string> names;
  for (const Move& move : experiment.moves) {
    for (const auto& [name, _] : move.parameters) names.insert(name);
  }
  return names;
}

std::string line(const std::vector<std::string>& cells) {
  return fmt::format("{}\r\n", fmt::join(cells, ","));
}

std::vector<std::string> titles(const std::set<std::string>& parameters) {
  std::vector<std::string> cells(std::begin(kFields), std::end(kFields));
  for (const std::string& name : parameters) cells.push_back(safe(name));
  for (const char* part : kParts) {
    for (const char* quantile : kQuantiles) cells.push_back(fmt::format("{}_{}", part, quantile));
  }
  cells.insert(cells.end(), {"error", "why"});
  return cells;
}

std::vector<std::string> cells_of(const Move& move, const std::set<std::string>& parameters) {
  const nlohmann::ordered_json json = to_json(move);
  const auto at = [](const nlohmann::ordered_json& object, const char* key) {
    return object.is_object() && object.contains(key) ? object.at(key) : nlohmann::ordered_json();
  };
  std::vector<std::string> cells;
  for (const char* field : kFields) cells.push_back(cell(at(json, field)));
  for (const std::string& name : parameters) {
    const auto found = move.parameters.find(name);
    cells.push_back(found == move.parameters.end() ? "" : safe(found->second));
  }
  for (const char* part : kParts) {
    const auto quantiles = at(at(json, "latency"), part);
    for (const char* quantile : kQuantiles) cells.push_back(cell(at(quantiles, quantile)));
  }
  cells.push_back(safe(move.failure ? move.failure->what : ""));
  cells.push_back(safe(move.failure ? move.failure->why : ""));
  return cells;
}

}  // namespace

std::string render_csv(const Experiment& experiment) {
  const auto parameters = parameter_names(experiment);
  std::string out = line(titles(parameters));
  for (const Move& move : experiment.moves) out += line(cells_of(move, parameters));
  return out;
}

std::string render_timeline_csv(const Experiment& experiment) {
  std::string out = "move,way,repetition,at_ms,due,completed,errors,worst_ms\r\n";
  for (size_t i = 0; i < experiment.moves.size(); ++i) {
    const Move& move = experiment.moves[i];
    for (const TimelinePoint& point : move.timeline) {
      const std::string worst =
          point.worst_ms ? fmt::format("{}", std::round(*point.worst_ms * 1000) / 1000) : "";
      out += fmt::format("{},{},{},{},{},{},{},{}\r\n", i, safe(move.way), move.repetition,
                         point.at_ms, point.due, point.completed, point.errors, worst);
    }
  }
  return out;
}

}  // namespace ferry::report
