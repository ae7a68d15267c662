// SPDX-License-Identifier: Apache-2.0
#include "cli/move_all.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

#include "base/usage.h"
#include "cli/candidate.h"
#include "cli/checking.h"
#include "cli/moving.h"
#include "migration/host.h"
#include "runtime/oci.h"

namespace ferry::cli {

namespace {

using nlohmann::ordered_json;

// At once. Whoever reads it may have gone; a drain goes on.
void tell(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

// As a move's.
const char* result_of(base::Exit exit) {
  if (exit == base::Exit::kRefused) return "refused";
  return exit == base::Exit::kCancelled ? "cancelled" : "failed";
}

class MoveAll {
 public:
  MoveAll(const MoveAllRequest& request, const Interrupt& interrupt)
      : request_(request), interrupt_(interrupt), progress_(request.quiet) {}

  base::Exit run();

 private:
  // In this order.
  void find();
  void check();
  base::Exit end_unasked(const base::Error& failure);
  void tell_checks() const;
  base::Exit end_dry_run() const;
  Candidates leave_those_that_cannot();
  void move_each(Candidates candidates);
  base::Exit end() const;

  migration::MoveOptions options_for(const std::string& name) const;
  void move(const std::string& name);
  void leave(Candidate candidate, const std::string& why, const std::string& remedy);
  void note(const std::string& result);
  std::string sum() const;
  std::string target() const;

  const MoveAllRequest& request_;
  const Interrupt& interrupt_;
  ProgressPrinter progress_;
  Candidates found_;
  std::vector<migration::Report> moves_;
  Candidates stay_;               // no move of them was tried
  std::string result_ = "moved";  // of the first that did not
};

base::Exit MoveAll::run() {
  try {
    find();
    check();
  } catch (const base::Error& failure) {  // the engine or the target cannot be asked
    if (!request_.json) throw;
    return end_unasked(failure);
  }
  tell_checks();
  if (request_.dry_run) return end_dry_run();
  move_each(leave_those_that_cannot());
  return end();
}

void MoveAll::find() {
  found_ = find_candidates(request_.engine, request_.options.engine_root,
                           [](const std::string& text) { say(fmt::format("ferry: {}\n", text)); });
}

void MoveAll::check() {
  const auto observer = progress_.observer();
  for (auto& one : found_) {
    observer.phase("check " + one.name);
    one.check = check_candidate(options_for(one.name), observer);
  }
  progress_.clear();
}

base::Exit MoveAll::end_unasked(const base::Error& failure) {
  progress_.clear();
  const ordered_json whole = {{"target", target()},
                              {"moves", ordered_json::array()},
                              {"stay", ordered_json::array()},
                              {"result", result_of(failure.exit())},
                              {"error", to_json(failure.explanation())}};
  tell(whole.dump(2) + "\n");
  return failure.exit();
}

void MoveAll::tell_checks() const {
  if (request_.json) return;
  if (found_.empty()) {
    const auto kind = request_.engine.empty() ? "workload" : "container of " + request_.engine;
    return tell(fmt::format("no {} runs on {}: nothing to move\n", kind, migration::host_name()));
  }
  tell(table_of(found_));
  std::set<std::string> warnings;  // most are of the target, and said for each
  for (const auto& one : found_) {
    for (const auto& warning : one.check.warnings)
      warnings.insert(fmt::format("  mind, on {}: {}\n", one.check.target, warning));
  }
  for (const auto& warning : warnings) tell(warning);
}

base::Exit MoveAll::end_dry_run() const {
  const bool can_move = std::ranges::all_of(found_, &Candidate::can_move);
  if (request_.json) {
    auto checks = ordered_json::array();
    for (const auto& one : found_) checks.push_back(to_json(one.check));
    const ordered_json whole = {{"target", target()}, {"can_move", can_move}, {"checks", checks}};
    tell(whole.dump(2) + "\n");
  }
  return can_move ? base::Exit::kDone : base::Exit::kRefused;
}

// What is left is to move.
Candidates MoveAll::leave_those_that_cannot() {
  const auto cannot = std::ranges::count_if(found_, std::not_fn(&Candidate::can_move));
  if (cannot == 0) return found_;
  note("refused");
  Candidates can;
  for (const auto& one : found_) {
    if (!one.can_move()) {
      stay_.push_back(one);
    } else if (request_.keep_going) {
      can.push_back(one);
    } else {
      leave(one, "others cannot move", "--keep-going leaves those here and moves the rest");
    }
  }
  if (!request_.keep_going) {
    const base::Error refusal(
        {"nothing was moved",
         fmt::format("{} of {} cannot", cannot, found_.size()),
         fmt::format("`ferry check NAME {}` tells every reason; --keep-going moves the others",
                     request_.options.destination),
         {},
         {}});
    say(fmt::format("ferry: {}\n", refusal.what()));
  }
  return can;
}

void MoveAll::move_each(Candidates candidates) {
  for (const auto& one : candidates) {
    if (interrupt_.has_come()) {
      leave(one, "cancelled", "");
      note("cancelled");
    } else if (!request_.keep_going && result_ != "moved") {
      leave(one, fmt::format("{} did not move", moves_.back().name),
            "--keep-going moves the others");
    } else {
      move(one.name);
    }
  }
}

void MoveAll::move(const std::string& name) {
  if (!request_.quiet) say(fmt::format("ferry: move {}\n", name));
  const double spent_ms = base::own_usage().cpu_ms;
  auto report = migration::run_source(options_for(name), progress_.observer());
  report.source_cost.cpu_ms -= spent_ms;  // on those before it
  progress_.clear();
  note(report.result);
  if (report.result != "moved") {
    say_failure(report);
  } else if (!request_.json) {
    tell(moved_text(report) + "\n");
  }
  report.name = name;  // it may have ended before it was looked at
  moves_.push_back(std::move(report));
}

migration::MoveOptions MoveAll::options_for(const std::string& name) const {
  auto options = request_.options;
  options.what = name;
  options.keep_source = options.keep_source && name.find(':') != std::string::npos;
  return options;
}

void MoveAll::leave(Candidate candidate, const std::string& why, const std::string& remedy) {
  candidate.check.own.push_back({"it was not tried", why, remedy});
  stay_.push_back(std::move(candidate));
}

void MoveAll::note(const std::string& result) {
  if (result_ == "moved") result_ = result;
}

std::string MoveAll::target() const {
  for (const auto& one : found_) {
    if (!one.check.target.empty()) return one.check.target;
  }
  return transport::parse_destination(request_.options.destination).host;
}

std::string MoveAll::sum() const {
  const auto count = [this](std::string_view result) {
    return std::ranges::count(moves_, result, &migration::Report::result);
  };
  const auto all = static_cast<std::ptrdiff_t>(found_.size()), moved = count("moved"),
             doubtful = count("in-doubt");
  const auto stay = all - moved - doubtful;
  auto text = fmt::format("{} of {} moved; {} stay{}", moved, all, stay, stay == 1 ? "s" : "");
  if (doubtful > 0) text += fmt::format("; {} in doubt (`ferry resolve`)", doubtful);
  return text;
}

base::Exit MoveAll::end() const {
  if (request_.json) {
    auto moves = ordered_json::array(), stay = ordered_json::array();
    for (const auto& one : moves_) moves.push_back(ordered_json::parse(migration::to_json(one)));
    for (const auto& one : stay_)
      stay.push_back({{"name", one.name}, {"reasons", reasons_to_json(one.check)}});
    const ordered_json whole = {
        {"target", target()}, {"moves", moves}, {"stay", stay}, {"result", result_}};
    tell(whole.dump(2) + "\n");
  } else if (!moves_.empty()) {
    tell(sum() + "\n");
  }
  return exit_of(result_);
}

}  // namespace

std::string parse_engine(const std::string& what) {
  const auto engine = what.substr(0, what.find(':'));
  if (what.ends_with(':') && engine.size() + 1 == what.size() && runtime::Oci::knows(engine))
    return engine;
  throw base::Error({fmt::format("cannot move all of \"{}\"", what),
                     "that is no engine of containers",
                     "docker:, podman:, runc: or crun:, or nothing: all that runs here",
                     {},
                     {}},
                    base::Exit::kUsage);
}

base::Exit move_all(const MoveAllRequest& request, const Interrupt& interrupt) {
  return MoveAll(request, interrupt).run();
}

}  // namespace ferry::cli
