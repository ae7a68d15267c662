// SPDX-License-Identifier: Apache-2.0
#include "faults/trial.h"

#include <fmt/format.h>

#include <random>
#include <vector>

namespace ferry::faults {
namespace {

constexpr const char* kKindNames[] = {"service", "capsule", "tree"};
constexpr const char* kVictimNames[kVictims] = {"source-ferry", "target-ferry", "source-criu", "target-criu",
                                                "source-all",   "target-all",   "everything",  "connection",
                                                "link",         "mute",         "cut-off",     "journal"};

struct Moment {
  const char* point;
  double most_delay_ms = 0;  // the blow falls up to so long after the point
  int most_visit = 0;        // of a point that is visited often
};

// CRIU at the source is there from before_freeze on, at the target from ready on; the freeze ends what comes before it. The delays
// reach from one point to about the next (a dump takes 10 to 15 ms, a restore 10 to 30).
const std::vector<Moment>& moments_of(Phase phase, Victim victim) {
  static const std::vector<Moment> kEarly = {{"source.connected"}, {"source.prepared"}, {"source.before_freeze"}, {"target.preparing"},
                                             {"target.preparing", 30}, {"target.ready"}};
  static const std::vector<Moment> kEarlySourceCriu = {{"source.before_freeze"}};
  static const std::vector<Moment> kEarlyTargetCriu = {{"target.ready"}, {"source.prepared"}, {"source.before_freeze"}};
  static const std::vector<Moment> kDump = {{"source.frozen"}, {"source.frozen", 14}, {"source.frozen", 14}};
  static const std::vector<Moment> kSend = {{"source.dumped"}, {"source.dumped", 20}, {"source.sent"}, {"source.chunk", 0, 16},
                                            {"target.chunk", 0, 16}};
  static const std::vector<Moment> kRestore = {{"target.restoring"}, {"target.restoring", 25}, {"target.restoring", 25}};
  static const std::vector<Moment> kRestored = {{"target.restored"}, {"source.restored"}, {"target.restored", 3}};
  static const std::vector<Moment> kCommitted = {{"source.committed"}, {"source.granted"}, {"source.committed", 2}, {"journal.resuming"}};
  static const std::vector<Moment> kResuming = {{"target.resuming"}, {"target.resuming", 15}, {"target.resuming", 15},
                                                {"source.done"}};
  static const std::vector<Moment> kResumingTarget = {{"target.resuming"}, {"target.resuming", 15}, {"target.running"}};
  static const std::vector<Moment> kResumingTargetCriu = {{"target.resuming"}, {"target.resuming", 15}};
  const bool is_at_target = victim == Victim::kTargetFerry || victim == Victim::kTargetAll;
  switch (phase) {
    case Phase::kBeforeFreeze:
      return victim == Victim::kSourceCriu ? kEarlySourceCriu : victim == Victim::kTargetCriu ? kEarlyTargetCriu : kEarly;
    case Phase::kDump: return kDump;
    case Phase::kSend: return kSend;
    case Phase::kRestore: return kRestore;
    case Phase::kRestored: return kRestored;
    case Phase::kCommitted: return kCommitted;
    case Phase::kResuming: return victim == Victim::kTargetCriu ? kResumingTargetCriu : is_at_target ? kResumingTarget : kResuming;
  }
  return kEarly;
}

// The lines that are written in a phase.
std::vector<const char*> lines_of(Phase phase) {
  switch (phase) {
    case Phase::kBeforeFreeze: return {"copying", "ready"};
    case Phase::kDump: return {"freezing", "dumping", "receiving"};
    case Phase::kSend: return {"sending"};
    case Phase::kRestore: return {"restoring"};
    case Phase::kRestored: return {"restored", "committed"};
    case Phase::kCommitted: return {"resuming"};
    case Phase::kResuming: return {"running", "done"};
  }
  return {};
}

class Dice {
 public:
  Dice(uint64_t seed, uint64_t index) {
    std::seed_seq mixed{seed, index};
    random_.seed(mixed);
  }
  uint64_t below(uint64_t limit) { return random_() % limit; }
  double up_to(double limit) { return limit * static_cast<double>(below(1001)) / 1000; }
  template <typename Some>
  auto one_of(const Some& some) {
    return some[below(some.size())];
  }

 private:
  std::mt19937_64 random_;
};

void draw_moment(Dice& dice, Trial& trial) {
  if (trial.victim == Victim::kJournal) {
    trial.point = fmt::format("journal.{}", dice.one_of(lines_of(trial.phase)));
    trial.action = dice.below(2) == 0 ? "fail" : "kill";
    return;
  }
  const Moment moment = dice.one_of(moments_of(trial.phase, trial.victim));
  trial.point = moment.point;
  trial.action = "pause";
  trial.delay_ms = dice.up_to(moment.most_delay_ms);
  if (moment.most_visit > 0) trial.visit = 1 + static_cast<int>(dice.below(static_cast<uint64_t>(moment.most_visit)));
  const bool outage = trial.victim == Victim::kLink || trial.victim == Victim::kMute || trial.victim == Victim::kCutOff;
  if (outage) trial.outage_ms = 200 + static_cast<int>(dice.below(1300));
}

}  // namespace

Trial draw_trial(uint64_t seed, uint64_t index) {
  Trial trial{seed, index};
  Dice dice(seed, index);
  const uint64_t mix = dice.below(10);  // a service has most to lose
  trial.kind = mix < 6 ? Kind::kService : mix < 8 ? Kind::kCapsule : Kind::kTree;
  const uint64_t cover = index < kCoverage ? index : dice.below(kCoverage);
  trial.victim = static_cast<Victim>(cover % kVictims);
  trial.phase = static_cast<Phase>(cover / kVictims);
  draw_moment(dice, trial);
  return trial;
}

Trial draw_kill(uint64_t seed, uint64_t index) {
  Trial trial{seed, index};
  Dice dice(seed, index);
  trial.victim = dice.one_of(std::array{Victim::kSourceFerry, Victim::kTargetFerry, Victim::kSourceAll, Victim::kTargetAll,
                                       Victim::kEverything});
  trial.back = index % 2 == 1;
  trial.part = dice.up_to(1);
  return trial;
}

Trial draw_release(uint64_t seed, uint64_t index) {
  constexpr double kLetsGo_ms = 8;
  Trial trial{seed, index};
  Dice dice(seed, index);
  trial.victim = dice.one_of(std::array{Victim::kTargetCriu, Victim::kTargetAll});
  trial.point = "target.resuming";
  trial.action = "pause";
  trial.delay_ms = dice.up_to(kLetsGo_ms);
  return trial;
}

std::string Trial::faults() const {
  if (point.empty()) return "";
  return fmt::format("{}={}{}", point, action, visit > 0 ? fmt::format("@{}", visit) : "");
}

std::string Trial::describe() const {
  std::string text = fmt::format("{} {} ", kKindNames[static_cast<int>(kind)], kVictimNames[static_cast<int>(victim)]);
  if (point.empty()) return text + fmt::format("at {:.0f} % of the move {}", part * 100, back ? "back" : "there");
  text += "at " + point;
  if (action != "pause") text += "=" + action;
  if (visit > 0) text += fmt::format("@{}", visit);
  if (delay_ms > 0) text += fmt::format("+{:.1f}ms", delay_ms);
  if (is_outage()) text += fmt::format(" for {} ms", outage_ms);
  return text;
}

}  // namespace ferry::faults
