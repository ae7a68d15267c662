// SPDX-License-Identifier: Apache-2.0
#include "bench/wanted.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "bench/tcp_stream.h"
#include "report/statistics.h"

namespace ferry::bench {

namespace {

using report::Move;
using report::Quantiles;
using Value = std::optional<double>;

constexpr double kGiB = 1 << 30;

Value ratio(Value a, Value b) {
  return a && b && *b > 0 ? Value(*a / *b) : std::nullopt;
}

Value p99(const std::optional<Quantiles>& quantiles) {
  return quantiles ? quantiles->p99_ms : std::nullopt;
}

Value answered_per_second(const std::optional<Quantiles>& quantiles) {
  if (!quantiles || quantiles->seconds <= 0) return std::nullopt;
  return static_cast<double>(quantiles->answered) / quantiles->seconds;
}

Value as_double(const std::optional<uint64_t>& count) {
  return count ? Value(static_cast<double>(*count)) : std::nullopt;
}

struct Measure {
  const char* name;
  Value (*of)(const Move&);
};

constexpr std::array kMeasures = {
    Measure{"client_gap_ms", [](const Move& move) { return move.client_gap_ms; }},
    Measure{"frozen_ms", [](const Move& move) { return move.frozen_ms; }},
    Measure{"total_ms", [](const Move& move) { return move.total_ms; }},
    Measure{"settle_ms", [](const Move& move) { return move.settle_ms; }},
    Measure{"left_at_resume_bytes", [](const Move& move) { return as_double(move.left_at_resume_bytes); }},
    Measure{"faults", [](const Move& move) { return as_double(move.faults); }},
    Measure{"worst_latency_ms", [](const Move& move) { return move.worst_latency_ms; }},
    // What clients wait beyond the pause: retransmissions, mostly.
    Measure{"worst_latency_ms - frozen_ms",
            [](const Move& move) -> Value {
              if (!move.worst_latency_ms || !move.frozen_ms) return std::nullopt;
              return *move.worst_latency_ms - *move.frozen_ms;
            }},
    Measure{"ping_gap_ms - frozen_ms",
            [](const Move& move) -> Value {
              if (!move.ping_gap_ms || !move.frozen_ms) return std::nullopt;
              return *move.ping_gap_ms - *move.frozen_ms;
            }},
    Measure{"retransmissions", [](const Move& move) { return as_double(move.retransmissions); }},
    Measure{"unexplained_retransmissions",
            [](const Move& move) { return as_double(move.unexplained_retransmissions); }},
    Measure{"captured_resets", [](const Move& move) { return as_double(move.captured_resets); }},
    Measure{"copy speed / TCP stream",
            [](const Move& move) { return ratio(copy_bytes_per_second(move), move.stream_bytes_per_s); }},
    Measure{"CPU seconds per GiB",
            [](const Move& move) -> Value {
              const Value gib = as_double(move.memory_bytes);
              return ratio(move.cpu_ms ? Value(*move.cpu_ms / 1e3) : std::nullopt, gib ? Value(*gib / kGiB) : std::nullopt);
            }},
    Measure{"source_rss_bytes", [](const Move& move) { return as_double(move.source_rss_bytes); }},
    Measure{"target_rss_bytes", [](const Move& move) { return as_double(move.target_rss_bytes); }},
    Measure{"errors", [](const Move& move) { return as_double(move.errors); }},
    Measure{"resets", [](const Move& move) { return as_double(move.resets); }},
    // Of the requests due while memory was copied and the workload ran, against those before.
    Measure{"p99 while copying / before",
            [](const Move& move) { return ratio(p99(move.copying), p99(move.before)); }},
    Measure{"throughput while copying / before",
            [](const Move& move) {
              return ratio(answered_per_second(move.copying), answered_per_second(move.before));
            }},
};

std::string property(const Move& move, const std::string& key) {
  if (key == "workload") return move.workload;
  if (key == "engine") return move.engine;
  if (key == "mode") return move.mode;
  if (key == "via") return move.via;
  if (key == "way") return move.way;
  const auto found = move.parameters.find(key);
  return found == move.parameters.end() ? "" : found->second;
}

class Judge {
 public:
  explicit Judge(const report::Experiment& experiment) : experiment_(experiment) {}

  report::Target target(const Wanted& wanted) const {
    report::Target target;
    const Selection of = resolved(wanted.of), over = resolved(wanted.over);
    target.limit = wanted.limit;
    target.text = fmt::format("{}{}, {}", wanted.measure, wanted.every ? " of every move" : "",
                              words(of));
    target.value = value(wanted, of);
    if (!over.empty()) {
      target.text += fmt::format(", over that of {}", words(over));
      target.value = ratio(target.value, value(wanted, over));
    }
    target.text += fmt::format(" {} {:g}", wanted.at_least ? "≥" : "≤", wanted.limit);
    target.met = target.value && (wanted.at_least ? *target.value >= wanted.limit
                                                  : *target.value <= wanted.limit);
    return target;
  }

 private:
  Selection resolved(Selection selection) const {
    for (auto& [key, value] : selection) {
      if (value == "largest") value = largest(key);
    }
    return selection;
  }
  // Parameters are in ascending order only if their file has them so: their numbers tell.
  std::string largest(const std::string& key) const {
    std::string name;
    double number = -1;
    for (const auto& parameter : experiment_.parameters) {
      if (parameter.name != key) continue;
      for (size_t i = 0; i < parameter.numbers.size(); ++i) {
        if (parameter.numbers[i] <= number || selected({{key, parameter.values[i]}}).empty()) continue;
        number = parameter.numbers[i];
        name = parameter.values[i];
      }
    }
    return name;
  }

  std::vector<const Move*> selected(const Selection& selection) const {
    std::vector<const Move*> moves;
    for (const Move& move : experiment_.moves) {
      if (std::ranges::all_of(selection, [&](auto& one) { return property(move, one.first) == one.second; })) {
        moves.push_back(&move);
      }
    }
    return moves;
  }

  // None when there is no such move, or one of them did not arrive or was not measured.
  Value value(const Wanted& wanted, const Selection& selection) const {
    const auto measure = std::ranges::find(kMeasures, wanted.measure, &Measure::name);
    std::vector<double> values;
    for (const Move* move : selected(selection)) {
      const Value one = move->result == "moved" ? measure->of(*move) : std::nullopt;
      if (!one) return std::nullopt;
      values.push_back(*one);
    }
    if (values.empty()) return std::nullopt;
    const auto spread = report::spread_of(values);
    if (!wanted.every) return spread.median;
    return wanted.at_least ? spread.min : spread.max;
  }

  static std::string words(const Selection& selection) {
    std::vector<std::string> all;
    for (const auto& [key, value] : selection) all.push_back(value.empty() ? key + " ?" : value);
    return all.empty() ? "all moves" : fmt::format("{}", fmt::join(all, ", "));
  }

  const report::Experiment& experiment_;
};

}  // namespace

std::vector<std::string> wanted_measures() {
  std::vector<std::string> names;
  for (const auto& measure : kMeasures) names.emplace_back(measure.name);
  return names;
}

std::vector<report::Target> judge(const std::vector<Wanted>& wanted,
                                  const report::Experiment& experiment) {
  std::vector<report::Target> targets;
  for (const auto& one : wanted) targets.push_back(Judge(experiment).target(one));
  return targets;
}

}  // namespace ferry::bench
