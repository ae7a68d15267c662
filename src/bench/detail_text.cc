// SPDX-License-Identifier: Apache-2.0
#include "bench/detail_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/units.h"
#include "bench/tcp_stream.h"

namespace ferry::bench {

namespace {

using report::Move;

constexpr const char* kNothing = "-";

std::string optional_ms(const std::optional<double>& ms) { return ms ? in_ms(*ms) : kNothing; }
std::string optional_count(const std::optional<uint64_t>& count) {
  return count ? std::to_string(*count) : kNothing;
}
std::string optional_bytes(const std::optional<uint64_t>& bytes) {
  return bytes ? base::format_bytes(*bytes) : kNothing;
}
std::string optional_speed(const std::optional<double>& bytes_per_second) {
  return bytes_per_second ? base::format_bytes(static_cast<uint64_t>(*bytes_per_second)) + "/s" : kNothing;
}

// One row per quantity, one column per move. A row in which nobody has anything is left out.
class MoveTable {
 public:
  explicit MoveTable(const std::vector<Move>& moves) : moves_(moves) {}

  using Cell = std::function<std::string(const Move&)>;
  void add(std::string label, const Cell& cell, Tone tone = Tone::kPlain) {
    Row row{std::move(label), {}, tone};
    for (const Move& move : moves_) row.cells.push_back(cell(move));
    const auto empty = [](const auto& text) { return text == kNothing; };
    if (!std::ranges::all_of(row.cells, empty)) rows_.push_back(std::move(row));
  }
  void add_phases(bool frozen) {
    std::vector<std::string> names;
    for (const Move& move : moves_) {
      for (const auto& phase : move.phases) {
        const bool known = std::ranges::find(names, phase.name) != names.end();
        if (phase.frozen == frozen && !known) names.push_back(phase.name);
      }
    }
    for (const auto& name : names) {
      add(
          "  " + name, [&](const Move& move) { return phase(move, name, frozen); }, Tone::kDim);
    }
  }
  std::string text(const Paint& paint) const { return table(rows_, paint); }

 private:
  static std::string phase(const Move& move, const std::string& name, bool frozen) {
    const auto found = std::ranges::find_if(
        move.phases, [&](const auto& one) { return one.name == name && one.frozen == frozen; });
    return found == move.phases.end() ? kNothing : in_ms(found->ms);
  }

  const std::vector<Move>& moves_;
  std::vector<Row> rows_;
};

std::string latency_cell(const std::optional<report::Quantiles>& latency) {
  if (!latency || !latency->p50_ms || !latency->p99_ms) return kNothing;
  return fmt::format("{:.2f} / {} ms", *latency->p50_ms, number_ms(*latency->p99_ms));
}

void add_client(MoveTable& rows) {
  rows.add(
      "gap in the client's answers *", [](auto& move) { return optional_ms(move.client_gap_ms); },
      Tone::kBold);
  rows.add("gap in the replies to ping", [](auto& move) { return optional_ms(move.ping_gap_ms); });
  rows.add("segments sent again", [](auto& move) { return optional_count(move.retransmissions); });
  rows.add("  without the pause as reason",
           [](auto& move) { return optional_count(move.unexplained_retransmissions); });
  rows.add("resets on the wire", [](auto& move) { return optional_count(move.captured_resets); });
  rows.add("requests", [](auto& move) { return optional_count(move.requests); });
  rows.add("  failed", [](auto& move) { return optional_count(move.errors); });
  rows.add("  of these reset", [](auto& move) { return optional_count(move.resets); });
  rows.add(
      "latency, p50 / p99", [](auto& move) { return move.before ? "" : kNothing; }, Tone::kBold);
  rows.add("  before", [](auto& move) { return latency_cell(move.before); });
  rows.add("  during", [](auto& move) { return latency_cell(move.during); });
  rows.add("    the worst", [](auto& move) { return optional_ms(move.worst_latency_ms); });
  rows.add("  after", [](auto& move) { return latency_cell(move.after); });
}

std::string move_table(const std::vector<Move>& moves, const Paint& paint) {
  MoveTable rows(moves);
  rows.add(
      "", [](auto& move) { return fmt::format("{} → {}", move.source, move.target); }, Tone::kBold);
  rows.add("result", [](auto& move) { return move.result; });
  rows.add(
      "frozen, by ferry's clocks", [](auto& move) { return optional_ms(move.frozen_ms); },
      Tone::kBold);
  rows.add_phases(true);
  add_client(rows);
  rows.add("the whole move", [](auto& move) { return optional_ms(move.total_ms); });
  rows.add_phases(false);
  rows.add("speed of the copy", [](auto& move) { return optional_speed(copy_bytes_per_second(move)); });
  rows.add("  a plain TCP stream", [](auto& move) { return optional_speed(move.stream_bytes_per_s); });
  rows.add("CPU time, both hosts", [](auto& move) { return optional_ms(move.cpu_ms); });
  rows.add("  ferry's peak memory, source", [](auto& move) { return optional_bytes(move.source_rss_bytes); });
  rows.add("    target", [](auto& move) { return optional_bytes(move.target_rss_bytes); });
  rows.add("sent", [](auto& move) { return optional_bytes(move.bytes_sent); });
  rows.add(
      "  memory of the workload", [](auto& move) { return optional_bytes(move.memory_bytes); },
      Tone::kDim);
  return rows.text(paint);
}

}  // namespace

std::string detail_text(const report::Experiment& experiment, const Paint& paint) {
  std::string text = move_table(experiment.moves, paint);
  const auto seen = [](const Move& move) { return move.client_gap_ms.has_value(); };
  if (std::ranges::any_of(experiment.moves, seen)) {
    text += "\n" + paint.dim("* from the last answer before the freeze to the first one after it") +
            "\n";
  }
  return text;
}

}  // namespace ferry::bench
