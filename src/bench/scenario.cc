// SPDX-License-Identifier: Apache-2.0
#include "bench/scenario.h"

#include <fmt/format.h>

#include "base/units.h"
#include "bench/lab_hosts.h"

namespace ferry::bench {

namespace {

constexpr uint64_t kCopies = 4;
constexpr uint64_t kForTheRest = 512u << 20;  // lab, load generator, samples

constexpr const char* kMemory = "memory";
constexpr const char* kDirtyRate = "dirty rate";
constexpr const char* kLinkRate = "link rate";
constexpr const char* kLinkDelay = "link delay";
constexpr const char* kConnections = "connections";
constexpr const char* kIdle = "idle connections";

std::string rate_text(uint64_t bytes_per_second) {
  return bytes_per_second == 0 ? "none" : base::format_bytes(bytes_per_second) + "/s";
}
std::string delay_text(std::chrono::nanoseconds delay) {
  return fmt::format("{:g} ms", static_cast<double>(delay.count()) / 1e6);
}

template <typename T, typename Text, typename Number>
void add_parameter(std::vector<report::Parameter>& all, const char* name,
                   const std::vector<T>& values, const char* unit, Text text, Number number) {
  if (values.size() < 2) return;
  report::Parameter parameter{name, {}, {}, unit};
  for (const T& value : values) {
    parameter.values.push_back(text(value));
    parameter.numbers.push_back(number(value));
  }
  all.push_back(std::move(parameter));
}

// Multiplies the cells by the values of one dimension.
template <typename T, typename Set, typename Text>
void multiply(std::vector<Cell>& cells, const char* name, const std::vector<T>& values, Set set,
              Text text) {
  if (values.empty()) return;
  std::vector<Cell> all;
  for (const Cell& cell : cells) {
    for (const T& value : values) {
      Cell one = cell;
      if (!set(one, value)) {  // it has no such dial
        all.push_back(std::move(one));
        break;
      }
      if (values.size() > 1) one.parameters[name] = text(value);
      all.push_back(std::move(one));
    }
  }
  cells = std::move(all);
}

std::string count_text(int count) { return std::to_string(count); }

}  // namespace

std::vector<Cell> cells_of(const Scenario& scenario) {
  std::vector<Cell> cells(1);
  cells[0].load.rate = scenario.rate;
  cells[0].load.ping = scenario.ping;
  cells[0].load.capture = scenario.capture;
  multiply(
      cells, kLinkRate, scenario.link_bytes_per_second,
      [](Cell& cell, uint64_t rate) { return cell.link_bytes_per_second = rate, true; },
      [](uint64_t rate) { return link_words(rate, {}); });
  multiply(
      cells, kLinkDelay, scenario.link_delay,
      [](Cell& cell, auto delay) { return cell.link_delay = delay, true; }, delay_text);
  multiply(
      cells, "workload", scenario.workloads,
      [](Cell& cell, const auto& kind) { return cell.workload.kind = kind, true; },
      [](const auto& kind) { return kind; });
  for (Cell& cell : cells) cell.parameters.erase("workload");  // a move names it anyway
  multiply(
      cells, kMemory, scenario.memory_bytes,
      [](Cell& cell, uint64_t bytes) {
        if (!find_kind(cell.workload.kind)->has_memory) return false;
        return cell.workload.memory_bytes = bytes, true;
      },
      base::format_bytes);
  multiply(
      cells, kDirtyRate, scenario.dirty_bytes_per_second,
      [](Cell& cell, uint64_t rate) {
        if (!find_kind(cell.workload.kind)->has_dirty_rate) return false;
        cell.workload.dirty_bytes_per_second = rate;
        return true;
      },
      rate_text);
  multiply(
      cells, kConnections, scenario.connections,
      [](Cell& cell, int count) { return cell.load.connections = count, true; }, count_text);
  multiply(
      cells, kIdle, scenario.idle_connections,
      [](Cell& cell, int count) { return cell.load.idle = count, true; }, count_text);
  return cells;
}

std::vector<report::Parameter> parameters_of(const Scenario& scenario) {
  std::vector<report::Parameter> all;
  const auto as_number = [](auto value) { return static_cast<double>(value); };
  add_parameter(
      all, kLinkRate, scenario.link_bytes_per_second, "bytes/s",
      [](uint64_t rate) { return link_words(rate, {}); }, as_number);
  add_parameter(all, kLinkDelay, scenario.link_delay, "ms", delay_text,
                [](auto delay) { return static_cast<double>(delay.count()) / 1e6; });
  add_parameter(all, kMemory, scenario.memory_bytes, "bytes", base::format_bytes, as_number);
  add_parameter(all, kDirtyRate, scenario.dirty_bytes_per_second, "bytes/s", rate_text, as_number);
  add_parameter(all, kConnections, scenario.connections, "", count_text, as_number);
  add_parameter(all, kIdle, scenario.idle_connections, "", count_text, as_number);
  return all;
}

uint64_t memory_needed(const Cell& cell) {
  return kCopies * cell.workload.memory_bytes + kForTheRest;
}

}  // namespace ferry::bench
