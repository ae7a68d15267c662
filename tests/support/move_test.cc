// SPDX-License-Identifier: Apache-2.0
#include "support/move_test.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "base/clock.h"

namespace ferry::testing {
namespace {

Argv ferry_argv(const Argv& words, const std::string& faults) {
  Argv argv{"env"};
  if (!faults.empty()) argv.push_back("FERRY_FAULTS=" + faults);
  argv.push_back("ferry");
  argv.insert(argv.end(), words.begin(), words.end());
  return argv;
}

// Processes of sshd, which come and go with each session, and this script itself are no traces, nor is the empty cgroup that
// all of ferry's are made in.
constexpr const char* kTraces = R"(
echo "# images";    ls -A /dev/shm
echo "# cgroups";   find /sys/fs/cgroup -mindepth 2 -type d ! -name ferry | sort
echo "# links";     ip -o link | awk -F': ' '{print $2}' | cut -d@ -f1 | sort
echo "# ports";     ip -o link show master br0 | awk -F': ' '{print $2}' | cut -d@ -f1 | sort
echo "# addresses"; ip -o addr | awk '{print $2, $4}' | sort
echo "# mounts";    awk '{print $5}' /proc/self/mountinfo | sort
echo "# processes"; ps -eo ppid=,pid=,args= | awk -v self=$$ '$1 != self && $2 != self && !/sshd/ {$1 = $2 = ""; print}' | sort
echo "# workloads"; ls -A /var/lib/ferry/workloads 2>/dev/null
echo "# staged";    find /tmp /run /srv /var/lib/ferry -xdev -name '*.ferry-*' 2>/dev/null
echo "# firewall";  nft list ruleset 2>/dev/null
true)";

}  // namespace

std::string program(const std::string& name) { return std::string(FERRY_BINARY_DIR "/programs/") + name; }

bool comes_true(const std::function<bool()>& condition, int limit_ms) {
  const auto deadline = base::mono_now() + base::milliseconds(limit_ms);
  while (!condition()) {
    if (base::mono_now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

void MoveTest::SetUp() {
  if (const auto reason = why_no_lab(); !reason.empty()) GTEST_SKIP() << reason;
  lab_ = std::make_unique<Lab>();
}

Result MoveTest::ferry(const std::string& host, const Argv& words, const std::string& faults) const {
  return lab().exec(host, ferry_argv(words, faults));
}

Background MoveTest::start_ferry(const std::string& host, const Argv& words, const std::string& faults) const {
  return lab().start(host, ferry_argv(words, faults));
}

Json MoveTest::move(const std::string& what, const std::string& from, const std::string& to, const Argv& options) const {
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

std::string MoveTest::traces(const std::string& host) const { return lab().check(host, kTraces); }

void MoveTest::expect_traces(const std::string& host, const std::string& before) const {
  constexpr int kSessionEnds_ms = 5000;
  comes_true([&] { return traces(host) == before; }, kSessionEnds_ms);
  EXPECT_EQ(traces(host), before) << "on " << host;
}

}  // namespace ferry::testing
