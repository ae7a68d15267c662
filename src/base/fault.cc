// SPDX-License-Identifier: Apache-2.0
#include "base/fault.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <random>
#include <ranges>
#include <thread>
#include <vector>

#include "base/error.h"

namespace ferry::base {
namespace {

struct Fault {
  std::string point;   // "*" matches every point
  std::string action;  // "fail", "kill", "stall", "pause", or a caller-made one
  uint64_t argument = 0;
  uint64_t visit = 0;       // 0: every visit
  uint64_t percent = 100;
  uint64_t visits_seen = 0;
  std::mt19937_64 random;   // replayable: seeded from the specification
};

struct Table {
  std::string specification;
  std::vector<Fault> faults;
};

// The one global besides the log: fault points are reached from everywhere (STYLE: "no globals but…").
Table& table() {
  static Table instance;
  return instance;
}

uint64_t number(std::string_view text, std::string_view whole) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw Error({fmt::format("cannot read the fault \"{}\"", whole),
                 fmt::format("\"{}\" is not a number", text), "", {}, {}}, Exit::kUsage);
  }
  return value;
}

// POINT=ACTION[:ARG][@VISIT][%PERCENT][:seed=SEED]
Fault parse(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    throw Error({fmt::format("cannot read the fault \"{}\"", text), "it is not POINT=ACTION", "", {}, {}},
                Exit::kUsage);
  }
  Fault fault;
  fault.point = text.substr(0, equals);
  std::string_view rest = text.substr(equals + 1);
  if (const auto seed = rest.find(":seed="); seed != std::string_view::npos) {
    fault.random.seed(number(rest.substr(seed + 6), text));
    rest = rest.substr(0, seed);
  }
  const auto take = [&](char mark, uint64_t& value) {
    if (const auto at = rest.rfind(mark); at != std::string_view::npos) {
      value = number(rest.substr(at + 1), text);
      rest = rest.substr(0, at);
    }
  };
  take('%', fault.percent);
  take('@', fault.visit);
  take(':', fault.argument);
  fault.action = rest;
  return fault;
}

bool is_due(Fault& fault, std::string_view point) {
  if (fault.point != "*" && fault.point != point) return false;
  ++fault.visits_seen;
  if (fault.visit != 0 && fault.visits_seen != fault.visit) return false;
  return fault.percent >= 100 || fault.random() % 100 < fault.percent;
}

}  // namespace

void set_faults(std::string_view specification) {
  Table fresh;
  fresh.specification = specification;
  for (const auto part : std::views::split(specification, ',')) {
    const std::string_view text(part.begin(), part.end());
    if (!text.empty()) fresh.faults.push_back(parse(text));
  }
  table() = std::move(fresh);
}

const std::string& fault_specification() { return table().specification; }

void fault_point(std::string_view name) {
  for (Fault& fault : table().faults) {
    const std::string& action = fault.action;
    const bool ours = action == "fail" || action == "kill" || action == "stall" || action == "pause";
    if (!ours || !is_due(fault, name)) continue;
    if (action == "kill") ::kill(::getpid(), SIGKILL);
    if (action == "stall") {
      std::this_thread::sleep_for(std::chrono::milliseconds(fault.argument));
    } else if (action == "pause") {
      ::kill(::getpid(), SIGSTOP);  // all threads; goes on here after SIGCONT
    } else {
      throw Error({fmt::format("fault injected at {}", name), "a test asked for it", "", {}, {}});
    }
  }
}

bool fault_due(std::string_view name, std::string_view action) {
  bool due = false;
  for (Fault& fault : table().faults) {
    if (fault.action == action && is_due(fault, name)) due = true;
  }
  return due;
}

}  // namespace ferry::base
