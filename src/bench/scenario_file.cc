// SPDX-License-Identifier: Apache-2.0
#include "bench/scenario_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "base/error.h"
#include "bench/scenario_settings.h"
#include "bench/ways.h"

namespace ferry::bench {

namespace {

using Values = std::vector<std::string>;

constexpr const char* kWanted =
    "measure = \"...\", of = { mode = \"auto\" }, over = { ... }, every = true, and at_most or "
    "at_least = a number";

class Reader {
 public:
  explicit Reader(std::string file) : file_(std::move(file)) {}

  Scenario read(std::string_view text) {
    try {
      take_table(toml::parse(text), "");
    } catch (const toml::parse_error& error) {
      complain(error.source(), std::string(error.description()), "");
    }
    check();
    return std::move(scenario_);
  }

 private:
  [[noreturn]] void complain(const toml::source_region& where, const std::string& why,
                             const std::string& allowed) const {
    throw base::Error({fmt::format("cannot use the scenario {}:{}", file_, where.begin.line),
                       why,
                       allowed.empty() ? "" : "allowed: " + allowed,
                       {},
                       {}},
                      base::Exit::kUsage);
  }

  void take_table(const toml::table& table, const std::string& prefix) {
    for (const auto& [key, node] : table) {
      const std::string name = prefix + std::string(key.str());
      if (name == "link" && node.is_table()) {
        take_table(*node.as_table(), "link.");
      } else if (name == "wanted" && node.is_array_of_tables()) {
        for (const auto& one : *node.as_array()) take_wanted(*one.as_table());
      } else {
        take_setting(name, key.source(), node);
      }
    }
  }

  void take_setting(const std::string& name, const toml::source_region& where,
                    const toml::node& node) {
    const auto setting = std::ranges::find(settings_, name, &Setting::key);
    if (setting == settings_.end()) {
      Values names;
      for (const auto& each : settings_) names.push_back(each.key);
      names.emplace_back("[[wanted]]");
      complain(where, fmt::format("there is no setting \"{}\"", name),
               fmt::format("{}", fmt::join(names, ", ")));
    }
    try {
      setting->take(scenario_, values_of(node, setting->many));
    } catch (const std::invalid_argument& why) {
      complain(node.source(), name + ": " + why.what(), setting->allowed());
    } catch (const base::Error& why) {
      complain(node.source(), name + ": " + why.explanation().what, setting->allowed());
    }
    lines_[name] = node.source();
  }

  void take_wanted(const toml::table& table) {
    Wanted wanted;
    bool limited = false;
    for (const auto& [key, node] : table) {
      const auto is = [&](const char* name) { return key.str() == name; };
      if (is("measure") && node.is_string()) {
        wanted.measure = node.as_string()->get();
      } else if ((is("of") || is("over")) && node.is_table()) {
        (is("of") ? wanted.of : wanted.over) = selection_of(*node.as_table());
      } else if (is("every") && node.is_boolean()) {
        wanted.every = node.as_boolean()->get();
      } else if ((is("at_most") || is("at_least")) && node.is_number()) {
        limited = true;
        wanted.at_least = is("at_least");
        wanted.limit = *node.value<double>();
      } else {
        complain(key.source(), fmt::format("wanted: \"{}\" is not as it must be", key.str()), kWanted);
      }
    }
    const Values measures = wanted_measures();
    if (std::ranges::find(measures, wanted.measure) == measures.end()) {
      complain(table.source(), fmt::format("wanted: there is no measure \"{}\"", wanted.measure),
               fmt::format("{}", fmt::join(measures, ", ")));
    }
    if (!limited) complain(table.source(), "wanted: it has no limit", kWanted);
    scenario_.wanted.push_back(std::move(wanted));
  }
  static Selection selection_of(const toml::table& table) {
    Selection selection;
    for (const auto& [key, node] : table) selection[std::string(key.str())] = value_of(node);
    return selection;
  }

  static std::string value_of(const toml::node& node) {
    if (const auto* string = node.as_string()) return string->get();
    if (const auto* integer = node.as_integer()) return std::to_string(integer->get());
    if (const auto* real = node.as_floating_point()) return fmt::format("{}", real->get());
    throw std::invalid_argument("it is neither text nor a number");
  }
  static Values values_of(const toml::node& node, bool many) {
    const auto* list = node.as_array();
    if (list == nullptr) return {value_of(node)};
    if (!many) throw std::invalid_argument("it cannot be a list");
    if (list->empty()) throw std::invalid_argument("the list is empty");
    Values values;
    for (const auto& one : *list) values.push_back(value_of(one));
    if (std::set(values.begin(), values.end()).size() != values.size()) {
      throw std::invalid_argument("the list has a value twice");
    }
    return values;
  }

  void check() {
    const auto none_has = [this](bool WorkloadKind::*dial) {
      return std::ranges::none_of(scenario_.workloads,
                                  [&](auto& kind) { return find_kind(kind)->*dial; });
    };
    const auto check_dial = [&](const char* setting, bool WorkloadKind::*dial) {
      if (!lines_.contains(setting) || !none_has(dial)) return;
      Values able;
      for (const auto& kind : workload_kinds()) {
        if (kind.*dial) able.emplace_back(kind.name);
      }
      complain(lines_[setting], fmt::format("none of the workloads has a dial \"{}\"", setting),
               fmt::format("with the workloads {}", fmt::join(able, ", ")));
    };
    check_dial("memory", &WorkloadKind::has_memory);
    check_dial("dirty_rate", &WorkloadKind::has_dirty_rate);
    if (!lines_.contains("modes")) scenario_.modes = ferry_modes();
    if (scenario_.modes.empty() && scenario_.baselines.empty()) {
      complain(lines_["modes"], "nothing is left to be moved by", "a mode or a baseline");
    }
  }

  std::string file_;
  std::vector<Setting> settings_ = scenario_settings();
  std::map<std::string, toml::source_region> lines_;
  Scenario scenario_;
};

std::vector<base::Path> directories() {
  return {own_directory() / "scenarios", own_directory().parent_path() / "scenarios"};
}

}  // namespace

Scenario parse_scenario(std::string_view text, const std::string& file) {
  Scenario scenario = Reader(file).read(text);
  scenario.name = base::Path(file).stem();
  return scenario;
}

Scenario load_scenario(const std::string& name_or_path) {
  if (name_or_path.find('/') != std::string::npos || name_or_path.ends_with(".toml")) {
    return parse_scenario(base::read_file(name_or_path), name_or_path);
  }
  for (const auto& directory : directories()) {
    const base::Path file = directory / (name_or_path + ".toml");
    if (const auto text = base::try_read_file(file)) return parse_scenario(*text, file);
  }
  Values names;
  for (const auto& shipped : shipped_scenarios()) names.push_back(shipped.name);
  throw base::Error({fmt::format("there is no scenario \"{}\"", name_or_path),
                     fmt::format("those that came with ferry: {}", fmt::join(names, ", ")),
                     "a scenario of your own is called by its path: ./mine.toml",
                     {},
                     {}},
                    base::Exit::kUsage);
}

std::vector<ShippedScenario> shipped_scenarios() {
  std::vector<ShippedScenario> all;
  for (const auto& directory : directories()) {
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(directory, none)) {
      if (entry.path().extension() != ".toml") continue;
      const auto scenario = parse_scenario(base::read_file(entry.path()), entry.path());
      all.push_back({scenario.name, scenario.description});
    }
    if (!all.empty()) break;
  }
  std::ranges::sort(all, {}, &ShippedScenario::name);
  return all;
}

}  // namespace ferry::bench
