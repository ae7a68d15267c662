// SPDX-License-Identifier: Apache-2.0
#include "faults/field.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "base/error.h"
#include "support/poll.h"
#include "support/traces.h"

namespace ferry::faults {

using testing::Background;
using testing::comes_true;

namespace {

const std::string kSource = "east", kTarget = "west";
constexpr const char* kName = "census";
constexpr const char* kDirectory = "/srv/census";
constexpr const char* kAddress = "10.77.0.9";
constexpr int kPort = 9000;

constexpr int kMomentLimit_ms = 20'000;   // until ferry has come to its point
constexpr int kMoveLimit_ms = 60'000;     // ferry's own limits are below
constexpr int kByItselfLimit_ms = 6'000;  // a guard needs a second at most: two SSH connections
constexpr int kResolvedLimit_ms = 4'000;
constexpr int kTidyByItselfLimit_ms = 1'500;  // the last session of sshd takes a moment to end
constexpr int kTidyLimit_ms = 3'000;
constexpr int kRepetition_ms = 1'800;     // TCP's, after a second of silence
constexpr int kFewLines_ms = 400;         // 200 lines when nothing is in the way

std::string program() { return FERRY_BINARY_DIR "/programs/census.py"; }
std::string log_path() { return fmt::format("{}/{}", kDirectory, Watch::kLog); }

// Lines that only one of two texts has, as "+…" and "-…".
std::string differences(const std::string& expected, const std::string& found) {
  const auto lines = [](const std::string& text) {
    std::multiset<std::string> all;
    std::istringstream in(text);
    std::string kind;
    for (std::string line; std::getline(in, line);) {
      if (line.starts_with("# ")) kind = line.substr(2);
      else all.insert(kind + ": " + line);
    }
    return all;
  };
  const auto before = lines(expected), after = lines(found);
  std::string text;
  const auto add = [&](const auto& some, const auto& others, char mark) {
    std::vector<std::string> only;
    std::ranges::set_difference(some, others, std::back_inserter(only));
    for (const auto& line : only) text += fmt::format(" {}[{}]", mark, line);
  };
  add(after, before, '+');
  add(before, after, '-');
  return text;
}

}  // namespace

Field::Field()
    : outside_(lab_), watch_({{kSource, outside_.root_of(kSource) / "srv/census"}, {kTarget, outside_.root_of(kTarget) / "srv/census"}}),
      striker_(outside_, kSource, kTarget) {
  for (const auto& host : {kSource, kTarget}) lab_.check(host, fmt::format("mkdir -p {}", kDirectory));
}

Outcome Field::run(const Trial& trial) {
  Outcome outcome;
  const auto begin = base::mono_now();
  try {
    if (!references_.contains(trial.kind)) learn(trial.kind);
    start(trial.kind);
    if (trial.kind == Kind::kService) connect();
    disturb(trial, outcome);
    settle(outcome);
    judge(trial, outcome);
    if (!outcome.lives_on.empty()) {
      look_for_leftovers(trial.kind, outcome);
      if (outcome.is_good()) move_again(outcome);
      if (outcome.is_good()) say_goodbye(outcome);
    }
    outcome.two = two_have_run(watch_.texts());
  } catch (const std::exception& failure) {
    outcome.spoilt += failure.what();
  }
  spare_.reset();
  client_.reset();
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
  for (const auto& host : {kSource, kTarget}) {
    lab_.check(host, fmt::format("rm -rf /var/lib/ferry/workloads/* {}/*; "
                                 "find /sys/fs/cgroup -depth -path '*/ferry/*' -type d -exec rmdir {{}} + 2>/dev/null; true",
                                 kDirectory));
  }
}

void Field::start(Kind kind) {
  watch_.begin();
  tree_pid_.clear();
  if (kind == Kind::kTree) {
    tree_pid_ = lab_.check(kSource, fmt::format("setsid /usr/bin/python3 {} {} </dev/null >/dev/null 2>&1 & echo $!", program(), log_path()));
  } else {
    base::Argv words{"run", "--name", kName};
    if (kind == Kind::kService) words.insert(words.end(), {"--ip", fmt::format("{}/24", kAddress)});
    words.insert(words.end(), {"--", "/usr/bin/python3", program(), log_path()});
    if (kind == Kind::kService) words.insert(words.end(), {"0.0.0.0", std::to_string(kPort)});
    const auto result = ferry(kSource, words);
    if (result.status != 0) throw base::Error({"cannot start the census", result.err, "", {}, {}});
  }
  if (!comes_true([this] { return makes_progress(kSource); })) throw base::Error({"the census does not run", "", "", {}, {}});
}

void Field::learn(Kind kind) {
  start(kind);
  if (kind == Kind::kService) connect();
  Reference fresh;
  fresh.before = traces();
  Outcome outcome;
  auto move = start_move(kSource, kTarget, "");
  await_end(move, outcome);
  if (find_live_copy(kByItselfLimit_ms) != kTarget) throw base::Error({"an undisturbed move fails", outcome.said, "", {}, {}});
  // sshd's last session may still be ending: what is there twice in a row is what stays.
  for (Traces last; (fresh.after = traces()) != last; last = fresh.after) {
  }
  spare_.reset();
  client_.reset();
  clear();
  references_[kind] = fresh;
}

void Field::connect() {
  client_.emplace(testing::Connection(lab_, "client", kAddress, kPort));
  spare_.emplace(lab_, "client", kAddress, kPort);
  spare_->send("1\n");
  spare_->read_until("\n");
}

void Field::disturb(const Trial& trial, Outcome& outcome) {
  auto move = start_move(kSource, kTarget, trial.faults());
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
  const auto blow = striker_.aim(trial.victim);
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
    striker_.heal(trial.victim);
  }
  // A blow that falls after a delay may come too late for its victim; that is no fault of ferry's, and nothing was lost.
  return trial.delay_ms > 0 ? "" : failed;
}

Background Field::start_move(const std::string& from, const std::string& to, const std::string& faults) const {
  const bool by_pid = !tree_pid_.empty() && from == kSource;  // it arrives in a capsule
  return lab_.start(from, {"sh", "-c", fmt::format("FERRY_FAULTS={} exec ferry move -q {} root@{} --name {} 2>&1", faults,
                                                   by_pid ? tree_pid_ : kName, to, kName)});
}

void Field::await_end(Background& move, Outcome& outcome) const {
  constexpr int kRest_ms = 20;
  if (!comes_true([&] { return !move.is_running(); }, kMoveLimit_ms)) outcome.spoilt += "ferry move did not end";
  while (const auto line = move.read_line(kRest_ms)) outcome.said += *line + "\n";
}

// On its own, else by the word of `ferry resolve` at the source, at the target, and at the source again now that the target has
// told all.
void Field::settle(Outcome& outcome) {
  auto live = find_live_copy(kByItselfLimit_ms);
  outcome.by_itself = live.has_value();
  for (const auto& host : {kSource, kTarget, kSource}) {
    if (live) break;
    resolve(host, outcome);
    live = find_live_copy(kResolvedLimit_ms);
  }
  outcome.lives_on = live.value_or("");
  outcome.in_doubt = !live && both_name_it();
}

void Field::resolve(const std::string& host, Outcome& outcome) const {
  const auto result = ferry(host, {"resolve"});
  outcome.said += fmt::format("resolve on {} ({}): {}{}\n", host, result.status, result.out, result.err);
}

// One copy, nobody of ferry's at work any more, and it goes on. When nobody is at work and nothing goes on, nothing will by itself.
std::optional<std::string> Field::find_live_copy(int limit_ms) const {
  constexpr int kHopeless = 3;  // looks, of kFewLines_ms each
  std::optional<std::string> host;
  int in_vain = 0;
  comes_true([&] {
    std::vector<Task> tasks = outside_.tasks();
    if (std::ranges::any_of(tasks, [](const Task& task) { return is_of_ferry(task.role); })) return false;
    std::erase_if(tasks, [](const Task& task) { return task.role != Role::kCensus; });
    const auto live = std::ranges::find_if(tasks, [this](const Task& task) { return makes_progress(task.host); });
    if (tasks.size() == 1 && live != tasks.end() && is_served()) host = live->host;
    return host || ++in_vain == kHopeless;
  }, limit_ms);
  return host;
}

bool Field::makes_progress(const std::string& host) const {
  constexpr uint64_t kSomeLines = 200;  // bytes; a line has about 30
  const uint64_t before = watch_.size_on(host);
  return comes_true([&] { return watch_.size_on(host) > before + kSomeLines; }, kFewLines_ms);
}

// A copy may run while nobody can reach it: its port is shut until somebody says whose it is.
bool Field::is_served() const {
  if (!client_) return true;
  const uint64_t before = client_->answered();
  return comes_true([&] { return client_->answered() > before; }, kRepetition_ms);
}

bool Field::both_name_it() const {
  int frozen = 0, named = 0;
  for (const auto& host : {kSource, kTarget}) {
    const auto list = nlohmann::json::parse(ferry(host, {"ps", "-a", "--json"}).out, nullptr, false);
    if (!list.is_array()) return false;
    for (const auto& one : list) {
      named += one.value("name", "") == kName && one.value("state", "") != "moved" && one.value("state", "") != "ended";
      frozen += one.value("state", "") == "frozen";
    }
  }
  return named == 2 && frozen >= 1;
}

void Field::judge(const Trial& trial, Outcome& outcome) {
  if (outcome.lives_on.empty()) return;
  outcome.harm = what_is_wrong_in(watch_.text_of(outcome.lives_on));
  outcome.not_served_ms = watch_.longest_standstill_ms();
  if (trial.kind != Kind::kService) return;
  try {
    spare_->send("2\n");
    const std::string answer = spare_->read_until("\n");
    if (answer != "2\n") outcome.harm += fmt::format(" the second client: {}", answer);
    outcome.harm += expect_end_after_bye(*spare_);
  } catch (const std::exception& failure) {
    outcome.harm += fmt::format(" the second client: {}", failure.what());
  }
}

// Of a ferry whose guard was killed too, `ferry resolve` removes them.
void Field::look_for_leftovers(Kind kind, Outcome& outcome) {
  const Reference& reference = references_.at(kind);
  const Traces& expected = outcome.lives_on == kSource ? reference.before : reference.after;
  Traces found;
  const auto is_tidy = [&] { return (found = traces()) == expected; };
  outcome.tidy_by_itself = comes_true(is_tidy, kTidyByItselfLimit_ms);
  if (outcome.tidy_by_itself) return;
  for (const auto& host : {kSource, kTarget}) resolve(host, outcome);
  if (comes_true(is_tidy, kTidyLimit_ms)) return;
  const auto add = [&](const std::string& host, const std::string& before, const std::string& now) {
    if (before != now) outcome.leftovers += fmt::format("on {}:{} ", host, differences(before, now));
  };
  add(kSource, expected.source, found.source);
  add(kTarget, expected.target, found.target);
}

Field::Traces Field::traces() const { return {testing::traces_on(lab_, kSource), testing::traces_on(lab_, kTarget)}; }

// Back, or there after all.
void Field::move_again(Outcome& outcome) {
  const std::string from = outcome.lives_on, to = from == kSource ? kTarget : kSource;
  Outcome next;
  auto move = start_move(from, to, "");
  await_end(move, next);
  if (find_live_copy(kByItselfLimit_ms) == to) {
    outcome.harm += what_is_wrong_in(watch_.text_of(to));
    return;
  }
  outcome.harm += fmt::format(" the next move, {} to {}, fails: {}", from, to, next.said);
}

void Field::say_goodbye(Outcome& outcome) {
  if (!client_) return;
  constexpr uint64_t kOfTheSpare = 2;
  outcome.harm += client_->say_goodbye();
  outcome.not_served_ms = client_->longest_silence_ms();
  const std::string host = outcome.lives_on == kSource ? kTarget : kSource;  // it moved again
  if (!comes_true([&] { return requests_in(watch_.text_of(host)) == client_->answered() + kOfTheSpare; }, kFewLines_ms)) {
    outcome.harm += fmt::format(" {} answers came, its log knows of {} requests", client_->answered() + kOfTheSpare,
                                requests_in(watch_.text_of(host)));
  }
}

testing::Result Field::ferry(const std::string& host, const base::Argv& words) const {
  base::Argv argv{"ferry"};
  argv.insert(argv.end(), words.begin(), words.end());
  return lab_.exec(host, argv);
}

std::string Field::post_mortem() const {
  std::string text;
  for (const auto& host : {kSource, kTarget}) {
    text += lab_.shell(host, "echo \"== $(hostname)\"; cd /var/lib/ferry/journal && for f in $(ls -t | head -1); do echo $f; cat $f; done; "
                             "ferry ps -a; ps -eo pid,ppid,stat,wchan:20,args | grep -v sshd").out;
  }
  return text;
}

}  // namespace ferry::faults
