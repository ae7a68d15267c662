// SPDX-License-Identifier: Apache-2.0
#include "bench/session.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "bench/client_view.h"
#include "bench/clients.h"

namespace ferry::bench {

namespace {

class Session {
 public:
  Session(const Hosts& hosts, const SessionPlan& plan, Way& way, const Progress& progress)
      : hosts_(hosts),
        plan_(plan),
        way_(way),
        progress_(progress),
        workload_(make_workload(plan.workload, hosts)) {}

  std::vector<report::Move> run() {
    start();
    std::optional<Clients> clients;
    const auto target = workload_->load_target();
    if (plan_.load && target) {
      clients.emplace(hosts_, *target, *plan_.load);
      progress_.say(fmt::format("{} sends {}", hosts_.roles().client, plan_.load->words()));
    }
    move_along();
    if (clients) seen_ = clients->finish();
    add_client_views();
    check_state();
    std::vector<report::Move> moves;
    for (MadeMove& made : made_) moves.push_back(std::move(made.move));
    return moves;
  }

 private:
  void start() {
    progress_.say(fmt::format("starting {} on {}", plan_.workload.kind, first_leg().from));
    way_.start(*workload_, first_leg().from);
    workload_->begin(way_);
  }

  Leg first_leg() const {
    const auto& [source, target, client] = hosts_.roles();
    return plan_.from_target ? Leg{target, source} : Leg{source, target};
  }

  void move_along() {
    Leg leg = first_leg();
    hosts_.wait(plan_.calm);
    for (int i = 0; i < plan_.moves; ++i) {
      made_.push_back(way_.move(leg));
      MadeMove& made = made_.back();
      made.move.workload = plan_.workload.kind;
      made.move.way = way_.name();
      made.move.source = leg.from;
      made.move.target = leg.to;
      say_result(made);
      if (!made.moved()) break;
      hosts_.wait(plan_.calm);
      made.move.time_lost_ms = workload_->time_lost_ms(way_);
      std::swap(leg.from, leg.to);
    }
  }

  void say_result(const MadeMove& made) const {
    const report::Move& move = made.move;
    std::string text =
        fmt::format("{}: {} → {}: {}", move.way, move.source, move.target, move.result);
    if (move.total_ms) text += fmt::format(" in {}", in_ms(*move.total_ms));
    if (move.frozen_ms) text += fmt::format(", frozen for {} of it", in_ms(*move.frozen_ms));
    if (move.failure) text += fmt::format(": {}: {}", move.failure->what, move.failure->why);
    progress_.say(text);
  }

  void add_client_views() {
    if (!seen_.load) return;
    const load::Result& result = *seen_.load;
    const auto windows =
        windows_of(made_, result.real(result.start_ns), result.real(result.end_ns) + 1);
    for (size_t i = 0; i < windows.size(); ++i) {
      report::Move& move = made_[i].move;
      add_client_view(move, result, windows[i]);
      if (seen_.idle) add_idle_view(move, *seen_.idle, windows[i]);
      if (seen_.segments) add_capture_view(move, *seen_.segments, windows[i]);
      if (windows[i].frozen_ns != 0) move.ping_gap_ms = silence_ms(seen_.replies_ns, windows[i].middle());
    }
  }

  // One state for the whole session: when something is lost, no move of it can be called innocent.
  void check_state() {
    StateCheck check;
    try {
      check = workload_->check(way_, seen_.load ? &*seen_.load : nullptr);
    } catch (const base::Error& silent) {
      if (silent.exit() == base::Exit::kCancelled) throw;
      check.differences = {fmt::format("it does not answer any more: {}", silent.what())};
    }
    check.differences.insert(check.differences.end(), seen_.failures.begin(), seen_.failures.end());
    for (MadeMove& made : made_) {
      made.move.state_intact = check.differences.empty();
      const auto& words = check.differences.empty() ? check.words : check.differences;
      made.move.state_words.insert(made.move.state_words.end(), words.begin(), words.end());
    }
    for (const auto& difference : check.differences) {
      progress_.say(fmt::format("the state is not intact: {}", difference));
    }
  }

  const Hosts& hosts_;
  const SessionPlan& plan_;
  Way& way_;
  const Progress& progress_;
  std::unique_ptr<Workload> workload_;
  std::vector<MadeMove> made_;
  ClientRecords seen_;
};

bool try_to_end(Way& way) {
  try {
    return way.end();
  } catch (const std::exception& failure) {
    base::log("ending {}: {}", way.name(), failure.what());
    return false;
  }
}

}  // namespace

SessionResult run_session(const Hosts& hosts, const SessionPlan& plan, Way& way,
                          const Progress& progress) {
  SessionResult result;
  try {
    result.moves = Session(hosts, plan, way, progress).run();
  } catch (...) {
    // On real hosts nobody else would end it. Not even Ctrl-C cuts that short.
    hosts.ignore_interrupts();
    try_to_end(way);
    throw;
  }
  result.clean = try_to_end(way);
  return result;
}

}  // namespace ferry::bench
