// SPDX-License-Identifier: Apache-2.0
#include "bench/scenario_settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <stdexcept>

#include "base/units.h"
#include "bench/engine_hosts.h"
#include "bench/ways.h"

namespace ferry::bench {

namespace {

using Values = std::vector<std::string>;

constexpr int kMostConnections = 10'000;
constexpr int kMostMoves = 1'000;
constexpr double kHighestRate = 100'000;  // requests per second

[[noreturn]] void wrong(std::string why) { throw std::invalid_argument(std::move(why)); }

template <typename Number>
Number number_from(const std::string& text, Number low, Number high) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < low || number > high) {
    wrong(fmt::format("\"{}\" is none of them", text));
  }
  return number;
}

Values only_of(const Values& values, const Values& known) {
  for (const auto& value : values) {
    if (std::ranges::find(known, value) == known.end()) {
      wrong(fmt::format("\"{}\" is none of them", value));
    }
  }
  return values;
}

template <typename T, typename Parse>
std::vector<T> each(const Values& values, Parse parse) {
  std::vector<T> all;
  for (const auto& value : values) all.push_back(parse(value));
  return all;
}

uint64_t rate_or_none(const std::string& text) {
  return text == "none" ? 0 : base::parse_rate(text);
}

Values kinds() {
  Values names;
  for (const auto& kind : workload_kinds()) names.emplace_back(kind.name);
  return names;
}

std::function<std::string()> text(std::string words) {
  return [words] { return words; };
}

std::vector<Setting> what_settings() {
  return {
      {"description", false, text("a sentence"),
       [](Scenario& s, const Values& v) { s.description = v[0]; }},
      {"workloads", true, [] { return fmt::format("{}", fmt::join(kinds(), ", ")); },
       [](Scenario& s, const Values& v) { s.workloads = only_of(v, kinds()); }},
      {"engines", true, [] { return fmt::format("{}", fmt::join(engines(), ", ")); },
       [](Scenario& s, const Values& v) { s.engines = only_of(v, engines()); }},
      {"modes", true, [] { return fmt::format("all, none, {}", fmt::join(ferry_modes(), ", ")); },
       [](Scenario& s, const Values& v) { s.modes = modes_from(v); }},
      {"baselines", true, [] { return fmt::format("none, {}", fmt::join(baselines(), ", ")); },
       [](Scenario& s, const Values& v) { s.baselines = baselines_from(v); }},
  };
}

std::vector<Setting> varied_settings() {
  return {
      {"memory", true, text("sizes such as \"64MiB\""),
       [](Scenario& s, const Values& v) { s.memory_bytes = each<uint64_t>(v, base::parse_bytes); }},
      {"dirty_rate", true, text("rates such as \"10MB/s\", or \"none\""),
       [](Scenario& s, const Values& v) {
         s.dirty_bytes_per_second = each<uint64_t>(v, rate_or_none);
       }},
      {"link.rate", true, text("rates such as \"1gbit\", or \"none\" for as fast as it goes"),
       [](Scenario& s, const Values& v) {
         s.link_bytes_per_second = each<uint64_t>(v, rate_or_none);
       }},
      {"link.delay", true,
       text("durations such as \"0.5ms\": one crossing of one link, of which "
            "a round trip has four"),
       [](Scenario& s, const Values& v) {
         s.link_delay = each<std::chrono::nanoseconds>(v, base::parse_duration);
       }},
      {"connections", true, text(fmt::format("numbers from 1 to {}", kMostConnections)),
       [](Scenario& s, const Values& v) {
         s.connections = each<int>(
             v, [](const auto& one) { return number_from<int>(one, 1, kMostConnections); });
       }},
      {"idle_connections", true, text(fmt::format("numbers from 0 to {}", kMostConnections)),
       [](Scenario& s, const Values& v) {
         s.idle_connections = each<int>(
             v, [](const auto& one) { return number_from<int>(one, 0, kMostConnections); });
       }},
      {"parking", true, text("\"on\", \"off\", or both"),
       [](Scenario& s, const Values& v) {
         s.parking.clear();
         for (const auto& value : only_of(v, {"on", "off"})) s.parking.push_back(value == "on");
       }},
  };
}

std::vector<Setting> how_settings() {
  return {
      {"rate", false, text(fmt::format("requests per second, 1 to {:g}", kHighestRate)),
       [](Scenario& s, const Values& v) { s.rate = number_from<double>(v[0], 1, kHighestRate); }},
      {"ping", false, text("a duration such as \"2ms\""),
       [](Scenario& s, const Values& v) { s.ping = base::parse_duration(v[0]); }},
      {"capture", false, text("\"on\" or \"off\""),
       [](Scenario& s, const Values& v) { s.capture = only_of(v, {"on", "off"})[0] == "on"; }},
      {"stream", false, text("\"on\" or \"off\""),
       [](Scenario& s, const Values& v) { s.stream = only_of(v, {"on", "off"})[0] == "on"; }},
      {"moves", false, text(fmt::format("a number from 1 to {}", kMostMoves)),
       [](Scenario& s, const Values& v) { s.moves = number_from<int>(v[0], 1, kMostMoves); }},
      {"repeat", false, text(fmt::format("a number from 1 to {}", kMostRepeats)),
       [](Scenario& s, const Values& v) { s.repeat = number_from<int>(v[0], 1, kMostRepeats); }},
      {"calm", false, text("a duration such as \"2s\""),
       [](Scenario& s, const Values& v) {
         s.calm = std::chrono::duration_cast<base::milliseconds>(base::parse_duration(v[0]));
       }},
  };
}

}  // namespace

std::vector<Setting> scenario_settings() {
  std::vector<Setting> all;
  for (auto some : {what_settings(), varied_settings(), how_settings()}) {
    std::ranges::move(some, std::back_inserter(all));
  }
  return all;
}

}  // namespace ferry::bench
