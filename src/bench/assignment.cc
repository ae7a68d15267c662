// SPDX-License-Identifier: Apache-2.0
#include "bench/assignment.h"

#include <fmt/format.h>

#include <algorithm>

#include "bench/assignment_hosts.h"
#include "bench/compatibility.h"
#include "bench/docker_way.h"
#include "bench/ferry_way.h"
#include "bench/hand_criu.h"
#include "bench/machine.h"
#include "bench/oci_way.h"
#include "bench/podman_way.h"
#include "bench/session.h"
#include "report/report.h"

namespace ferry::bench {

namespace {

constexpr const char* kParameter = "hosts";
constexpr base::milliseconds kCalmWithoutLoad{1'000};  // for some lines of the looper

const std::vector<std::string> kNotes = {
    "CRIU is that of tools/get-criu, on the PATH of the host and of its daemon: Debian 12's own "
    "3.17 refuses this kernel",
    "the image is imported from files of the host instead of pulled, and is on both hosts before "
    "the recipe begins",
    "`docker create` instead of `docker run`: a container that runs already ignores the checkpoint",
    "the checkpoint is moved to …/containers/ID/checkpoints: `docker start --checkpoint-dir` is "
    "refused by docker",
    "the web program's container has an address of its own (macvlan), and /etc/criu/runc.conf says "
    "tcp-established; "
    "without both its connections could not go along; its log-file keeps CRIU's words of a restore "
    "that failed",
    "CRIU 4.1 runs with CRIU_FAULT=130: it would wait for ever for hardware breakpoints, which not "
    "every virtual machine "
    "has (4.2 notices)",
    "by hand, CRIU is the host's own; ferry moves processes and containers by the CRIU that came "
    "with "
    "it, on both hosts the same; docker finds it by `ferry engine setup`",
};

std::vector<WayMaker> ways_on(const HostPair& pair) {
  if (!pair.has_docker) {
    return {[](const Hosts& hosts) { return std::make_unique<HandPodman>(hosts); },
            [](const Hosts& hosts) { return std::make_unique<FerryPodman>(hosts, "auto"); },
            [](const Hosts& hosts) { return std::make_unique<HandOci>(hosts, "runc"); },
            [](const Hosts& hosts) { return std::make_unique<FerryOci>(hosts, "auto", "runc"); }};
  }
  return {[](const Hosts& hosts) { return std::make_unique<HandDocker>(hosts); },
          [](const Hosts& hosts) { return std::make_unique<FerryDocker>(hosts, "auto"); },
          [](const Hosts& hosts) {
            return std::make_unique<HandCriu>(hosts, HandCriu::Memory::kCopied, base::Argv{"criu"});
          },
          [](const Hosts& hosts) { return std::make_unique<FerryWay>(hosts, "stop"); }};
}

class Assignment {
 public:
  Assignment(const AssignmentOptions& options, const BenchOptions& bench, const Progress& progress)
      : options_(options), bench_(bench), progress_(progress) {
    experiment_.scenario = "assignment";
    experiment_.description = "the recipe by its own commands, and ferry's one command beside it";
    experiment_.command = bench.command;
    experiment_.ferry_version = FERRY_VERSION;
    experiment_.machine = Machine::look().machine;
    experiment_.load = LoadSpec{}.words() + " (the looper serves nobody)";
    experiment_.notes = kNotes;
    experiment_.parameters = {{kParameter, {}, {}, ""}};
  }

  Outcome run() {
    try {
      for (const HostPair& pair : chosen_pairs()) run_pair(pair);
    } catch (const base::Error& stopped) {
      if (stopped.exit() != base::Exit::kCancelled || experiment_.moves.empty()) throw;
      note("it was interrupted: the rest is missing");
      outcome_.exit = base::Exit::kCancelled;
    }
    return std::move(outcome_);
  }

 private:
  std::vector<HostPair> chosen_pairs() {
    auto pairs = host_pairs(own_directory(), experiment_.notes);
    std::erase_if(pairs, [this](const HostPair& pair) {
      return !options_.pairs.empty() &&
             std::ranges::find(options_.pairs, pair.label) == options_.pairs.end();
    });
    if (!pairs.empty()) return pairs;
    base::refuse("cannot run the assignment", "there are no hosts with docker to run it on",
                 "`make assignment-hosts` unpacks what they are made of");
  }

  void run_pair(const HostPair& pair) {
    const auto& workloads = options_.workloads.empty() ? kAssignmentWorkloads : options_.workloads;
    for (int repetition = 1; repetition <= bench_.repeat.value_or(kAssignmentRepeats);
         ++repetition) {
      for (const auto& kind : workloads) {
        for (const auto& way : ways_on(pair)) {
          progress_.say(fmt::format("hosts {}, {}, {} of {}", pair.label, kind, repetition,
                                    bench_.repeat.value_or(kAssignmentRepeats)));
          run_both_directions(pair, kind, way, repetition);
        }
      }
    }
    hosts_.reset();
  }

  // There and back; where it does not get there, the way back is tried by itself.
  void run_both_directions(const HostPair& pair, const std::string& kind, const WayMaker& way,
                           int repetition) {
    SessionPlan plan;
    plan.workload.kind = kind;
    plan.workload.web_counter = bench_.program;
    plan.load = LoadSpec{};
    if (!find_kind(kind)->serves) plan.calm = kCalmWithoutLoad;
    if (run_session_once(pair, plan, way, repetition) == static_cast<size_t>(plan.moves)) return;
    plan.moves = 1;
    plan.from_target = true;
    run_session_once(pair, plan, way, repetition);
  }

  // Returns how many moves were tried. What cannot even be tried is a note; the rest is not lost
  // for it.
  size_t run_session_once(const HostPair& pair, const SessionPlan& plan, const WayMaker& maker,
                          int repetition) {
    try {
      bring_up(pair);
      const std::unique_ptr<Way> way = maker(hosts_->hosts());
      auto result = run_session(hosts_->hosts(), plan, *way, progress_);
      for (auto& move : result.moves) add(std::move(move), repetition);
      if (!result.clean) hosts_.reset();
      return result.moves.size();
    } catch (const base::Error& failure) {
      if (failure.exit() == base::Exit::kCancelled) throw;
      hosts_.reset();
      outcome_.exit = base::Exit::kFailed;
      note(fmt::format("hosts {}, {}: left out once: {}", pair.label, plan.workload.kind,
                       failure.what()));
      return static_cast<size_t>(plan.moves);
    }
  }

  void bring_up(const HostPair& pair) {
    if (hosts_) return;
    hosts_.emplace(pair, bench_.layers, bench_.wake_fd);
    experiment_.links = hosts_->hosts().links();
    for (const auto& host : {hosts_->source(), hosts_->target()}) {
      const bool known = std::ranges::find(experiment_.hosts, host.name, &report::Host::name) !=
                         experiment_.hosts.end();
      if (!known) experiment_.hosts.push_back(host);
    }
  }

  // Between like hosts every move must succeed; between unlike ones a refusal is a result.
  void add(report::Move move, int repetition) {
    const bool there = move.source == hosts_->hosts().roles().source;
    const auto hosts = there ? difference_words(hosts_->source(), hosts_->target())
                             : difference_words(hosts_->target(), hosts_->source());
    auto& values = experiment_.parameters.front().values;
    if (std::ranges::find(values, hosts) == values.end()) values.push_back(hosts);
    move.parameters[kParameter] = hosts;
    move.repetition = repetition;
    const bool good = move.result == "moved" && move.state_intact.value_or(true);
    if (!good && hosts == kAlike) outcome_.exit = base::Exit::kFailed;
    experiment_.moves.push_back(std::move(move));
  }

  void note(std::string text) {
    text.erase(text.find_last_not_of(" \n") + 1);
    progress_.say(text);
    experiment_.notes.push_back(std::move(text));
  }

  const AssignmentOptions& options_;
  const BenchOptions& bench_;
  const Progress& progress_;
  std::optional<AssignmentHosts> hosts_;
  Outcome outcome_;
  report::Experiment& experiment_ = outcome_.experiment;
};

}  // namespace

base::Exit assignment(const AssignmentOptions& options, const BenchOptions& bench) {
  if (!bench.output.empty()) report::check_report_path(bench.output);
  const Progress progress;
  const Outcome outcome = Assignment(options, bench, progress).run();
  const bool whole = outcome.exit != base::Exit::kCancelled;
  if (whole && !options.compatibility.empty()) {
    base::replace_file(options.compatibility, compatibility_text(outcome.experiment));
  }
  return present(outcome, bench, progress);
}

}  // namespace ferry::bench
