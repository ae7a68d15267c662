// SPDX-License-Identifier: Apache-2.0
#include "bench/demo_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/units.h"

namespace ferry::bench {

namespace {

constexpr const char* kNothing = "-";

std::string optional_ms(const std::optional<double>& ms) { return ms ? in_ms(*ms) : kNothing; }

// One row per quantity, one column per move.
class MoveTable {
 public:
  explicit MoveTable(const std::vector<MoveResult>& moves) : moves_(moves) {}

  using Cell = std::function<std::string(const MoveResult&)>;
  void add(std::string label, const Cell& cell, Tone tone = Tone::kPlain) {
    Row row{std::move(label), {}, tone};
    for (const MoveResult& move : moves_) row.cells.push_back(cell(move));
    rows_.push_back(std::move(row));
  }
  using ClientCell = std::function<std::string(const ClientView&)>;
  void add_client(std::string label, const ClientCell& cell, Tone tone = Tone::kPlain) {
    add(
        std::move(label), [&](auto& move) { return move.client ? cell(*move.client) : kNothing; },
        tone);
  }
  std::string text(const Paint& paint) const { return table(rows_, paint); }

 private:
  const std::vector<MoveResult>& moves_;
  std::vector<Row> rows_;
};

void add_pause(MoveTable& rows) {
  rows.add(
      "frozen, by ferry's clocks",
      [](auto& move) { return move.moved() ? in_ms(move.report.frozen_ms) : kNothing; },
      Tone::kBold);
  for (const char* phase : {"freeze", "dump", "send", "restore", "commit"}) {
    rows.add(
        fmt::format("  {}", phase),
        [phase](auto& move) { return optional_ms(move.phase_ms(phase)); }, Tone::kDim);
  }
  rows.add_client(
      "gap in the client's answers *", [](auto& client) { return optional_ms(client.gap_ms); },
      Tone::kBold);
}

std::string latency_cell(const Latency& latency) {
  if (!latency.p50_ms || !latency.p99_ms) return kNothing;
  return fmt::format("{:.2f} / {} ms", *latency.p50_ms, number_ms(*latency.p99_ms));
}

void add_latency(MoveTable& rows) {
  rows.add(
      "latency, p50 / p99", [](auto&) { return std::string(); }, Tone::kBold);
  rows.add_client("  before", [](auto& client) { return latency_cell(client.before); });
  rows.add_client("  during", [](auto& client) { return latency_cell(client.during); });
  rows.add_client("    the worst",
                  [](auto& client) { return optional_ms(client.worst_latency_ms); });
  rows.add_client("  after", [](auto& client) { return latency_cell(client.after); });
}

std::string move_table(const std::vector<MoveResult>& moves, const Paint& paint) {
  MoveTable rows(moves);
  rows.add(
      "", [](auto& move) { return fmt::format("{} → {}", move.leg.from, move.leg.to); },
      Tone::kBold);
  rows.add("result", [](auto& move) { return move.report.result; });
  add_pause(rows);
  rows.add_client("requests", [](auto& client) { return std::to_string(client.requests); });
  rows.add_client("  failed", [](auto& client) { return std::to_string(client.errors); });
  rows.add_client("  of these reset", [](auto& client) { return std::to_string(client.resets); });
  if (std::ranges::any_of(moves,
                          [](auto& move) { return move.client && move.client->unanswered; })) {
    rows.add_client("  still unanswered at the end",
                    [](auto& client) { return std::to_string(client.unanswered); });
  }
  add_latency(rows);
  rows.add("the whole move", [](auto& move) { return in_ms(move.report.total_ms); });
  for (const char* phase : {"prepare", "copy", "bury"}) {
    rows.add(
        fmt::format("  {}", phase),
        [phase](auto& move) { return optional_ms(move.phase_ms(phase)); }, Tone::kDim);
  }
  rows.add("sent", [](auto& move) { return base::format_bytes(move.report.bytes_sent); });
  rows.add(
      "  memory of the workload",
      [](auto& move) { return base::format_bytes(move.report.memory_bytes); }, Tone::kDim);
  return rows.text(paint);
}

std::string verdict(const RunResult& result, const Paint& paint) {
  std::string text;
  for (const MoveResult& move : result.moves) {
    if (move.moved()) continue;
    const auto& error = move.report.error;
    text += paint.bad(
                fmt::format("The move to {} ended as \"{}\": ", move.leg.to, move.report.result)) +
            fmt::format("{}{}{}\n", error.what, error.why.empty() ? "" : ": ", error.why);
  }
  if (!result.differences.empty()) {
    text += paint.bad("The state is not intact:") + "\n";
    for (const auto& difference : result.differences) text += "  " + difference + "\n";
    return text;
  }
  const auto counter = result.load ? result.load->counter : std::nullopt;
  if (counter) {
    text += fmt::format(
        "{} {} increments were answered, each number came once, none is\n"
        "missing, and the service has counted to {}. It is the same process as at\n"
        "the start, and its clock never went back.\n",
        paint.good("State intact:"), counter->received, result.at_end.value);
  }
  return text;
}

}  // namespace

std::string demo_text(const Scenario& scenario, const RunResult& result, const Machine& machine,
                      const Paint& paint) {
  std::string text =
      fmt::format("{} ({} at {}:{}) moved while {} connections used it\n", scenario.workload.name,
                  scenario.workload.kind, scenario.workload.address, scenario.workload.port,
                  scenario.load ? scenario.load->connections : 0);
  text = paint.bold(text) + machine.line() + "\n\n" + move_table(result.moves, paint) + "\n";
  text += paint.dim(
      "* from the last answer before the freeze to the first one after it. Packets\n"
      "  that arrive during the pause are dropped in this version: TCP sends them\n"
      "  again after 200 ms and more, which shows here or in the worst latency.");
  return text + "\n\n" + verdict(result, paint);
}

std::string what_next(const base::Path& output, const Paint& paint) {
  return fmt::format(
      "\nAll of it, as JSON: {}\n"
      "Try next:  {}   what the pause is made of, against CRIU alone\n"
      "           {}    such hosts to try things in: ferry lab --help\n",
      output.string(), paint.bold("ferry bench pause"), paint.bold("ferry lab run --"));
}

}  // namespace ferry::bench
