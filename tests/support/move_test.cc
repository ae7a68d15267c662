// SPDX-License-Identifier: Apache-2.0
#include "support/move_test.h"

#include <fmt/format.h>

#include "support/traces.h"

namespace ferry::testing {
namespace {

Argv ferry_argv(const Argv& words, const std::string& faults) {
  Argv argv{"env"};
  if (!faults.empty()) argv.push_back("FERRY_FAULTS=" + faults);
  argv.push_back("ferry");
  argv.insert(argv.end(), words.begin(), words.end());
  return argv;
}

}  // namespace

std::string program(const std::string& name) { return std::string(FERRY_BINARY_DIR "/programs/") + name; }

void MoveTest::SetUp() {
  if (const auto reason = why_no_lab(); !reason.empty()) GTEST_SKIP() << reason;
  lab_ = std::make_unique<Lab>();
}

Result FerryTest::ferry(const std::string& host, const Argv& words, const std::string& faults) const {
  return lab().exec(host, ferry_argv(words, faults));
}

Background FerryTest::start_ferry(const std::string& host, const Argv& words, const std::string& faults) const {
  return lab().start(host, ferry_argv(words, faults));
}

Json FerryTest::move(const std::string& what, const std::string& from, const std::string& to, const Argv& options) const {
  Argv words{"move", what, "root@" + to, "--json"};
  words.insert(words.end(), options.begin(), options.end());
  const Result result = ferry(from, words);
  EXPECT_EQ(result.status, 0) << result.out << result.err;
  return result.status == 0 ? Json::parse(result.out) : Json();
}

void MoveTest::run(const std::string& host, const std::string& name, const Argv& options, const Argv& command) const {
  Argv words{"run", "--name", name};
  words.insert(words.end(), options.begin(), options.end());
  words.push_back("--");
  words.insert(words.end(), command.begin(), command.end());
  const Result result = ferry(host, words);
  ASSERT_EQ(result.status, 0) << result.out << result.err;
}

void MoveTest::run_counter(const std::string& host) const {
  run(host, "web", {"--ip", fmt::format("{}/24", kAddress)},
      {"/usr/bin/python3", program("web_counter.py"), std::to_string(kPort)});
  ASSERT_TRUE(comes_true([&] { return ferry(host, {"logs", "web"}).out.starts_with("READY"); }));
}

Json MoveTest::workloads(const std::string& host) const { return Json::parse(ferry(host, {"ps", "-a", "--json"}).out); }

std::string MoveTest::state_of(const std::string& host, const std::string& name) const {
  for (const auto& one : workloads(host)) {
    if (one.at("name") == name) return one.at("state");
  }
  return "";
}

std::string MoveTest::traces(const std::string& host) const { return traces_on(lab(), host); }

void MoveTest::expect_traces(const std::string& host, const std::string& before) const {
  constexpr int kSessionEnds_ms = 5000;
  std::string now;
  comes_true([&] { return (now = traces(host)) == before; }, kSessionEnds_ms);
  EXPECT_EQ(now, before) << "on " << host;
}

}  // namespace ferry::testing
