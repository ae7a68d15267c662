// SPDX-License-Identifier: Apache-2.0
#include "faults/field.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <thread>

#include "base/error.h"
#include "faults/field_places.h"
#include "support/poll.h"

namespace ferry::faults {

using testing::Background;
using testing::comes_true;

namespace {

constexpr const char* kDirectory = "/srv/census";
constexpr const char* kAddress = "10.77.0.9";
constexpr int kPort = 9000;
constexpr int kMomentLimit_ms = 20'000;  // until ferry has come to its point
constexpr int kMoveLimit_ms = 60'000;    // ferry's own limits are below

std::string program() { return FERRY_BINARY_DIR "/programs/census.py"; }
std::string log_path() { return fmt::format("{}/{}", kDirectory, Watch::kLog); }

}  // namespace

Field::Field(bool there_and_back)
    : there_and_back_(there_and_back),
      outside_(lab_),
      watch_({{kHome, outside_.root_of(kHome) / "srv/census"}, {kAway, outside_.root_of(kAway) / "srv/census"}}) {
  for (const auto& host : {kHome, kAway}) lab_.check(host, fmt::format("mkdir -p {}", kDirectory));
}

Outcome Field::run(const Trial& trial) {
  Outcome outcome;
  const auto begin = base::mono_now();
  try {
    if (!references_.contains(trial.kind)) learn(trial.kind);
    start(trial.kind);
    if (trial.kind == Kind::kService) connect();
    if (trial.back) go_there();
    disturb(trial, outcome);
    settle(outcome);
    judge(trial, outcome);
    if (!outcome.lives_on.empty()) {
      look_for_leftovers(trial, outcome);
      if (outcome.is_good()) move_again(outcome);
      if (outcome.is_good()) say_goodbye(outcome);
    }
    outcome.two = two_have_run(watch_.texts());
  } catch (const std::exception& failure) {
    outcome.spoilt += failure.what();
  }
  spare_.reset();
  client_.reset();
  neighbourhood_.reset();
  if (outcome.is_good()) clear();
  outcome.seconds = base::ms_between(begin, base::mono_now()) / 1000;
  return outcome;
}

// Ends the workload, and what a host remembers of it.
void Field::clear() {
  comes_true([this] {
    bool any = false;
    for (const auto& task : outside_.tasks()) {
      if (is_of_ferry(task.role)) continue;
      any = true;
      if (task.role == Role::kCensus) kernel::signal_process(task.process, SIGKILL);
    }
    return !any;
  });
  for (const auto& host : {kHome, kAway}) {
    lab_.check(host, fmt::format("rm -rf /var/lib/ferry/workloads/* {}/*; "
                                 "find /sys/fs/cgroup -depth -path '*/ferry/*' -type d -exec rmdir {{}} + 2>/dev/null; true",
                                 kDirectory));
  }
}

void Field::start(Kind kind) {
  watch_.begin();
  source_ = kHome;
  target_ = kAway;
  tree_pid_.clear();
  if (kind == Kind::kTree) {
    tree_pid_ = lab_.check(kHome, fmt::format("setsid /usr/bin/python3 {} {} </dev/null >/dev/null 2>&1 & echo $!", program(), log_path()));
  } else {
    base::Argv words{"run", "--name", kName};
    if (kind == Kind::kService) words.insert(words.end(), {"--ip", fmt::format("{}/24", kAddress)});
    words.insert(words.end(), {"--", "/usr/bin/python3", program(), log_path()});
    if (kind == Kind::kService) words.insert(words.end(), {"0.0.0.0", std::to_string(kPort)});
    const auto result = ferry(kHome, words);
    if (result.status != 0) throw base::Error({"cannot start the census", result.err, "", {}, {}});
  }
  if (!comes_true([this] { return makes_progress(kHome); })) throw base::Error({"the census does not run", "", "", {}, {}});
}

void Field::learn(Kind kind) {
  start(kind);
  if (kind == Kind::kService) connect();
  Reference fresh;
  fresh.fresh = traces();
  fresh.move_ms = go_there();
  fresh.there = settled_traces();
  if (there_and_back_) {
    go_there();
    fresh.back = settled_traces();
  }
  spare_.reset();
  client_.reset();
  clear();
  references_[kind] = fresh;
}

// Undisturbed; then the other way is the way. How long `ferry move` took.
double Field::go_there() {
  Outcome outcome;
  const auto begin = base::mono_now();
  auto move = start_move(source_, target_, "");
  comes_true([&] { return !move.is_running(); }, kMoveLimit_ms);
  const double ms = base::ms_between(begin, base::mono_now());
  await_end(move, outcome);
  if (find_live_copy(kByItselfLimit_ms) != target_) throw base::Error({"an undisturbed move fails", outcome.said, "", {}, {}});
  std::swap(source_, target_);
  tree_pid_.clear();  // it arrives in a capsule
  return ms;
}

void Field::connect() {
  client_.emplace(testing::Connection(lab_, kClient, kAddress, kPort));
  spare_.emplace(lab_, kClient, kAddress, kPort);
  spare_->send("1\n");
  spare_->read_until("\n");
  neighbourhood_.emplace(outside_, std::vector{kHome, kAway, kClient});
}

void Field::disturb(const Trial& trial, Outcome& outcome) {
  auto move = start_move(source_, target_, trial.faults());
  if (trial.point.empty()) strike_at_any_moment(trial, move);
  if (trial.action == "pause") outcome.spoilt = strike_when_stopped(trial, move);
  const auto struck = base::mono_now();
  await_end(move, outcome);
  outcome.move_seconds = base::ms_between(struck, base::mono_now()) / 1000;
}

// Nothing, or why the blow did not fall.
std::string Field::strike_when_stopped(const Trial& trial, Background& move) {
  std::vector<Task> stopped;
  const bool came = comes_true([&] {
    stopped = outside_.tasks();
    std::erase_if(stopped, [](const Task& task) { return task.state != 'T' || !is_of_ferry(task.role); });
    return !stopped.empty() || !move.is_running();
  }, kMomentLimit_ms);
  if (!came || stopped.empty()) return "the moment never came";
  const auto go_on = [&stopped] {
    for (const auto& task : stopped) kernel::signal_process(task.process, SIGCONT);
  };
  const Striker striker(outside_, source_, target_);
  const auto blow = striker.aim(trial.victim);
  if (trial.delay_ms > 0) {
    go_on();
    const auto due = base::mono_now() + std::chrono::duration_cast<base::nanoseconds>(std::chrono::duration<double, std::milli>(trial.delay_ms));
    while (base::mono_now() < due) {
    }
  }
  const std::string failed = blow();
  go_on();
  if (trial.is_outage()) {
    std::this_thread::sleep_for(base::milliseconds(trial.outage_ms));
    striker.heal(trial.victim);
  }
  // A blow that falls after a delay may come too late for its victim; that is no fault of ferry's, and nothing was lost.
  return trial.delay_ms > 0 ? "" : failed;
}

// A victim that is not there yet is waited for; one that has gone was not needed any more.
void Field::strike_at_any_moment(const Trial& trial, Background& move) const {
  const Striker striker(outside_, source_, target_);
  std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(trial.part * references_.at(trial.kind).move_ms));
  while (move.is_running() && !striker.aim(trial.victim)().empty()) {
  }
}

Background Field::start_move(const std::string& from, const std::string& to, const std::string& faults) const {
  const bool by_pid = !tree_pid_.empty() && from == source_;  // it arrives in a capsule
  return lab_.start(from, {"sh", "-c", fmt::format("FERRY_FAULTS={} exec ferry move -q {} root@{} --name {} 2>&1", faults,
                                                   by_pid ? tree_pid_ : kName, to, kName)});
}

void Field::await_end(Background& move, Outcome& outcome) const {
  constexpr int kRest_ms = 20;
  if (!comes_true([&] { return !move.is_running(); }, kMoveLimit_ms)) outcome.spoilt += "ferry move did not end";
  while (const auto line = move.read_line(kRest_ms)) outcome.said += *line + "\n";
}

testing::Result Field::ferry(const std::string& host, const base::Argv& words) const {
  base::Argv argv{"ferry"};
  argv.insert(argv.end(), words.begin(), words.end());
  return lab_.exec(host, argv);
}

std::string Field::post_mortem() const {
  std::string text;
  for (const auto& host : {kHome, kAway}) {
    text += lab_.shell(host, "echo \"== $(hostname)\"; cd /var/lib/ferry/journal && for f in $(ls -t | head -1); do echo $f; cat $f; done; "
                             "ferry ps -a; ferry logs census; ps -eo pid,ppid,stat,wchan:20,args | grep -v sshd; bridge link\n"
                             "for p in $(pgrep -f '[c]ensus.py'); do echo \"-- $p\"; tail -qn1 /proc/$p/task/*/syscall\n"
                             "  grep -hE '^(State|TracerPid|SigPnd|SigBlk|Seccomp):' /proc/$p/task/*/status; nsenter -t $p -n ss -tano; done").out;
  }
  return text;
}

}  // namespace ferry::faults
