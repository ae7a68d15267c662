// SPDX-License-Identifier: Apache-2.0
//
// What has become of a workload whose move was struck: settled, judged, moved on.
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "faults/field.h"
#include "faults/field_places.h"
#include "support/poll.h"
#include "support/traces.h"

namespace ferry::faults {

using testing::comes_true;

namespace {

constexpr int kResolvedLimit_ms = 4'000;
constexpr int kTidyByItselfLimit_ms = 1'500;  // the last session of sshd takes a moment to end
constexpr int kTidyLimit_ms = 3'000;
constexpr int kRepetition_ms = 1'800;     // TCP's, after a second of silence
constexpr int kFewLines_ms = 400;         // 200 lines when nothing is in the way

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

// On its own, else by the word of `ferry resolve` at the source, at the target, and at the source again now that the target has
// told all.
void Field::settle(Outcome& outcome) {
  auto live = find_live_copy(kByItselfLimit_ms);
  outcome.by_itself = live.has_value();
  for (const auto& host : {source_, target_, source_}) {
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
  for (const auto& host : {kHome, kAway}) {
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

const Field::Traces& Field::expected_traces(const Trial& trial, const std::string& lives_on) const {
  const Reference& reference = references_.at(trial.kind);
  if (lives_on == kAway) return reference.there;
  return trial.back ? reference.back : reference.fresh;
}

// Of a ferry whose guard was killed too, `ferry resolve` removes them.
void Field::look_for_leftovers(const Trial& trial, Outcome& outcome) {
  const Traces& expected = expected_traces(trial, outcome.lives_on);
  Traces found;
  const auto is_tidy = [&] { return (found = traces()) == expected; };
  outcome.tidy_by_itself = comes_true(is_tidy, kTidyByItselfLimit_ms);
  if (!outcome.tidy_by_itself) {
    for (const auto& host : {source_, target_}) resolve(host, outcome);
    if (!comes_true(is_tidy, kTidyLimit_ms)) {
      for (const auto& [host, before] : expected) {
        if (before != found.at(host)) outcome.leftovers += fmt::format("on {}:{} ", host, differences(before, found.at(host)));
      }
    }
  }
  if (neighbourhood_) outcome.leftovers += neighbourhood_->what_is_wrong();
}

Field::Traces Field::traces() const {
  Traces all;
  for (const auto& host : {kHome, kAway, kClient}) all[host] = testing::traces_on(lab_, host);
  return all;
}

// sshd's last session may still be ending: what is there twice in a row is what stays.
Field::Traces Field::settled_traces() const {
  Traces now = traces();
  for (Traces last; now != last; now = traces()) last = now;
  return now;
}

// Back, or there after all.
void Field::move_again(Outcome& outcome) {
  const std::string from = outcome.lives_on, to = from == source_ ? target_ : source_;
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
  const std::string host = outcome.lives_on == source_ ? target_ : source_;  // it moved again
  if (!comes_true([&] { return requests_in(watch_.text_of(host)) == client_->answered() + kOfTheSpare; }, kFewLines_ms)) {
    outcome.harm += fmt::format(" {} answers came, its log knows of {} requests", client_->answered() + kOfTheSpare,
                                requests_in(watch_.text_of(host)));
  }
}

}  // namespace ferry::faults
