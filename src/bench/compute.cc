// SPDX-License-Identifier: Apache-2.0
//
// A computation that says itself how much time it has lost, and whether its result is right.
#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "base/error.h"
#include "bench/programs.h"

namespace ferry::bench {

namespace {

constexpr const char* kReportEvery_s = "0.2";
constexpr int kTries = 100;  // of 100 ms: until it has said something (more)

class Compute final : public Workload {
 public:
  explicit Compute(const Hosts& hosts) : hosts_(hosts), program_(find_program("compute")) {}

  void install(const std::string& host) const override { install_program(hosts_, host, program_); }
  base::Argv command() const override {
    return {kInHost / program_.filename(), "--report", kReportEvery_s};
  }
  bool serves() const override { return false; }
  void begin(const Running& running) override { seen_ = wait_for_more(running, 1).size(); }
  std::optional<double> time_lost_ms(const Running& running) override {
    const auto lines = compute_lines(running.output());
    if (lines.size() < 2) return std::nullopt;
    const double lost = largest_loss_ms(lines, seen_);
    seen_ = lines.size();
    return lost;
  }
  StateCheck check(const Running& running, const load::Result*) override {
    const size_t before = compute_lines(running.output()).size();
    const auto lines = wait_for_more(running, before + 2);
    StateCheck check;
    if (lines.size() < before + 2) check.differences = {"it says nothing any more"};
    const auto went_back = [](const ComputeLine& a, const ComputeLine& b) {
      return b.steps <= a.steps || b.time_s <= a.time_s;
    };
    if (std::ranges::adjacent_find(lines, went_back) != lines.end()) {
      check.differences.push_back("it went back");
    }
    if (!std::ranges::all_of(lines, &ComputeLine::right)) {
      check.differences.push_back("its result is wrong");
    }
    check.words = {fmt::format("its result after {} steps is right", lines.back().steps)};
    return check;
  }

 private:
  std::vector<ComputeLine> wait_for_more(const Running& running, size_t count) const {
    std::vector<ComputeLine> lines;
    for (int i = 0; i < kTries && lines.size() < count; ++i) {
      if (i > 0) hosts_.wait(base::milliseconds(100));
      lines = compute_lines(running.output());
    }
    if (!lines.empty()) return lines;
    throw base::Error({"the computation says nothing", "", "", {}, {}});
  }

  const Hosts& hosts_;
  base::Path program_;
  size_t seen_ = 0;  // lines
};

}  // namespace

std::vector<ComputeLine> compute_lines(const std::string& output) {
  std::vector<ComputeLine> all;
  std::istringstream lines(output);
  for (std::string text; std::getline(lines, text) && !lines.eof();) {
    ComputeLine line;
    int fields = 0;
    std::istringstream words(text);
    for (std::string word; words >> word;) {
      const auto equals = word.find('=');
      const std::string key = word.substr(0, equals), value = word.substr(equals + 1);
      fields += key == "time_s" || key == "steps" || key == "lost_ms" || key == "right";
      if (key == "time_s") line.time_s = std::strtod(value.c_str(), nullptr);
      if (key == "steps") line.steps = std::strtoull(value.c_str(), nullptr, 10);
      if (key == "lost_ms") line.lost_ms = std::strtod(value.c_str(), nullptr);
      if (key == "right") line.right = value == "yes";
    }
    if (fields != 4) {
      throw base::Error({"cannot understand the computation", "it says: " + text, "", {}, {}});
    }
    all.push_back(line);
  }
  return all;
}

double largest_loss_ms(const std::vector<ComputeLine>& lines, size_t from) {
  double largest = 0;
  for (size_t i = std::max<size_t>(from, 1); i < lines.size(); ++i) {
    largest = std::max(largest, lines[i].lost_ms - lines[i - 1].lost_ms);
  }
  return largest;
}

std::unique_ptr<Workload> make_compute(const WorkloadSpec&, const Hosts& hosts) {
  return std::make_unique<Compute>(hosts);
}

}  // namespace ferry::bench
