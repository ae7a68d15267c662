// SPDX-License-Identifier: Apache-2.0
//
// The looper of the assignment this began with: counts up, a line at a time. It has gone on when
// the next line has the next number and the same identity.
#include <fmt/format.h>

#include <sstream>

#include "base/error.h"
#include "bench/programs.h"

namespace ferry::bench {

namespace {

constexpr const char* kPeriodMs = "50";
constexpr int kLooperTries = 100;  // of 100 ms: until it has printed something (more)

class Looper final : public Workload {
 public:
  explicit Looper(const Hosts& hosts) : hosts_(hosts), program_(find_program("looper.py")) {}

  void install(const std::string& host) const override { install_program(hosts_, host, program_); }
  base::Argv command() const override {
    return {"/usr/bin/python3", kInHost / program_.filename(), kPeriodMs};
  }
  bool serves() const override { return false; }
  void begin(const Running& running) override { wait_for_more(running, 0); }
  StateCheck check(const Running& running, const load::Result*) override {
    const size_t before = running.output().size();
    StateCheck check;
    if (!wait_for_more(running, before)) check.differences = {"it prints nothing any more"};
    const std::string all = running.output();
    for (auto& wrong : looper_complaints(all)) check.differences.push_back(std::move(wrong));
    const auto last = all.rfind('\n', all.size() - 2);
    check.words = {fmt::format("it counts on without a gap, up to \"{}\"",
                               all.substr(last + 1, all.size() - last - 2))};
    return check;
  }

 private:
  bool wait_for_more(const Running& running, size_t than) const {
    for (int i = 0; i < kLooperTries; ++i) {
      if (running.output().size() > than) return true;
      hosts_.wait(base::milliseconds(100));
    }
    return false;
  }

  const Hosts& hosts_;
  base::Path program_;
};

}  // namespace

std::vector<std::string> looper_complaints(const std::string& output) {
  std::vector<std::string> found;
  std::istringstream lines(output);
  std::string identity;
  uint64_t expected = 0;
  for (std::string line; std::getline(lines, line) && !lines.eof();) {
    std::istringstream words(line);
    uint64_t number = 0;
    std::string arrow, id;
    if (!(words >> number >> arrow >> id)) {
      found.push_back(fmt::format("it printed \"{}\"", line));
      break;
    }
    if (number != expected) {
      found.push_back(fmt::format("{:04d} came where {:04d} was due", number, expected));
    }
    if (!identity.empty() && id != identity) found.push_back("it is another process");
    identity = id;
    expected = number + 1;
  }
  if (expected == 0 && found.empty()) found.push_back("it has printed nothing");
  return found;
}

std::unique_ptr<Workload> make_looper(const WorkloadSpec&, const Hosts& hosts) {
  return std::make_unique<Looper>(hosts);
}

}  // namespace ferry::bench
