// SPDX-License-Identifier: Apache-2.0
#include "bench/assignment.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "bench/compatibility.h"
#include "bench/docker_scripts.h"
#include "bench/docker_way.h"
#include "bench/ferry_way.h"
#include "bench/hand_criu.h"
#include "bench/lab_hosts.h"
#include "bench/machine.h"
#include "bench/output.h"
#include "bench/session.h"
#include "bench/summary_text.h"
#include "report/experiment_json.h"

namespace ferry::bench {

namespace {

constexpr base::milliseconds kSetUp{180'000};  // an image of 40 MB on a busy machine
constexpr const char* kParameter = "hosts";

const std::vector<std::string> kNotes = {
    "CRIU is the one of tools/get-criu, on the daemon's PATH: Debian 12's own 3.17 refuses this kernel",
    "the image is imported from files of the host instead of pulled, and is on both hosts before the recipe begins",
    "`docker create` instead of `docker run`: a container that runs already ignores the checkpoint",
    "the checkpoint is moved to …/containers/ID/checkpoints: `docker start --checkpoint-dir` is refused by docker",
    "the web program's container has an address of its own (macvlan), and /etc/criu/runc.conf says tcp-established; without both "
    "its connections could not go along",
};

// In a host: what it is made of, a name and a value a line.
constexpr const char* kFacts = R"sh(
  . /etc/os-release; echo "system|$PRETTY_NAME"
  echo "kernel|$(uname -r)"
  echo "docker|$(docker version --format '{{.Server.Version}}')"
  echo "containerd|$(containerd --version | cut -d' ' -f3)"
  echo "runc|$(runc --version | sed -n 's/^runc version //p')"
  echo "CRIU|$(criu --version | sed -n 's/^Version: //p')"
  echo "Python|$(python3 -c 'import platform; print(platform.python_version())')"
)sh";

class Assignment {
 public:
  Assignment(const AssignmentOptions& options, const Progress& progress) : options_(options), progress_(progress) {
    experiment_.scenario = "assignment";
    experiment_.description = "the recipe by its own commands, and ferry's one command beside it";
    experiment_.command = options.command;
    experiment_.ferry_version = FERRY_VERSION;
    experiment_.machine = Machine::look().machine;
    experiment_.load = LoadSpec{}.words() + " (the looper serves nobody)";
    experiment_.notes = kNotes;
  }

  report::Experiment run() {
    auto pairs = host_pairs(own_directory(), experiment_.notes);
    if (!options_.pairs.empty()) {
      std::erase_if(pairs, [this](const HostPair& pair) { return std::ranges::find(options_.pairs, pair.label) == options_.pairs.end(); });
    }
    if (pairs.empty()) {
      base::refuse("cannot run the assignment", "there are no hosts with docker to run it on",
                   "tools/get-docker makes the layer beside ferry (`make` calls it)");
    }
    report::Parameter parameter{kParameter, {}, {}, ""};
    for (const HostPair& pair : pairs) parameter.values.push_back(pair.label);
    experiment_.parameters = {parameter};
    for (const HostPair& pair : pairs) run_pair(pair);
    return std::move(experiment_);
  }

 private:
  void run_pair(const HostPair& pair) {
    progress_.say(fmt::format("{}: {} and {}", pair.label, pair.source.words, pair.target.words));
    lab::LabSpec spec;
    spec.layers = options_.layers;
    spec.own_layers["east"] = {pair.source.layer};
    spec.own_layers["west"] = {pair.target.layer};
    const LabHosts hosts(std::move(spec), options_.wake_fd);
    set_up(hosts, hosts.roles().source, pair.source);
    set_up(hosts, hosts.roles().target, pair.target);
    hosts.check(hosts.roles().source, {"bash", "-c", kMakePythonImage, "bash", DockerWay::kImage}, kSetUp);
    hosts.shell(hosts.roles().source, fmt::format("docker save {} | ssh {} docker load -q", DockerWay::kImage, hosts.login(hosts.roles().target)), kSetUp);
    auto workloads = options_.workloads;
    if (workloads.empty()) workloads = {"looper", "web_counter"};
    for (int repetition = 1; repetition <= options_.repeat; ++repetition) {
      for (const auto& kind : workloads) {
        for (const auto& way : ways(pair)) run_once(hosts, pair, kind, way, repetition);
      }
    }
  }

  void set_up(const Hosts& hosts, const std::string& host, const HostKind& kind) {
    hosts.shell(host, start_docker_script({.criu = kind.criu}), kSetUp);
    make_docker_network(hosts, host);
    if (std::ranges::any_of(experiment_.hosts, [&](const report::Host& known) { return known.name == kind.words; })) return;
    report::Host facts{kind.words, {}};
    std::istringstream lines(hosts.shell(host, kFacts));
    for (std::string line; std::getline(lines, line);) {
      const auto bar = line.find('|');
      if (bar != std::string::npos) facts.facts.emplace_back(line.substr(0, bar), line.substr(bar + 1));
    }
    experiment_.hosts.push_back(std::move(facts));
  }

  static std::vector<WayMaker> ways(const HostPair& pair) {
    std::vector<WayMaker> ways{[](const Hosts& hosts) { return std::make_unique<HandDocker>(hosts); },
                               [](const Hosts& hosts) { return std::make_unique<FerryDocker>(hosts); }};
    if (pair.processes) {
      ways.push_back([](const Hosts& hosts) { return std::make_unique<HandCriu>(hosts, HandCriu::Memory::kCopied); });
      ways.push_back([](const Hosts& hosts) { return std::make_unique<FerryWay>(hosts, "stop"); });
    }
    return ways;
  }

  // What cannot even be tried is a note; the rest is not lost for it.
  void run_once(const Hosts& hosts, const HostPair& pair, const std::string& kind, const WayMaker& maker, int repetition) {
    const std::unique_ptr<Way> way = maker(hosts);
    SessionPlan plan;
    plan.workload.kind = kind;
    plan.load = LoadSpec{};
    try {
      for (auto& move : run_session(hosts, plan, *way, progress_).moves) {
        move.parameters[kParameter] = pair.label;
        move.repetition = repetition;
        experiment_.moves.push_back(std::move(move));
      }
    } catch (const base::Error& failure) {
      if (failure.exit() == base::Exit::kCancelled) throw;
      experiment_.notes.push_back(fmt::format("{}, {}, {}: left out: {}", pair.label, kind, way->name(), failure.what()));
      progress_.say(experiment_.notes.back());
    }
  }

  const AssignmentOptions& options_;
  const Progress& progress_;
  report::Experiment experiment_;
};

// Between like hosts every move must succeed; between unlike ones a refusal is a result.
bool is_good(const report::Experiment& experiment) {
  return !experiment.moves.empty() && std::ranges::all_of(experiment.moves, [](const report::Move& move) {
    const bool moved = move.result == "moved" && move.state_intact.value_or(true);
    return moved || move.parameters.at(kParameter) != "alike";
  });
}

}  // namespace

std::vector<HostPair> host_pairs(const base::Path& beside, std::vector<std::string>& notes) {
  const HostKind here{"Debian 12, docker 20.10", docker_layer(beside), beside / "criu/criu"};
  const HostKind newer{"Debian 13, docker 26.1", docker_trixie_layer(beside), beside / "criu/criu"};
  HostKind older_criu{"Debian 12, docker 20.10, CRIU 4.1", docker_layer(beside), beside / "criu-trixie/criu"};
  const std::vector<HostPair> all = {{"alike", here, here}, {"unlike docker and root", here, newer}, {"unlike CRIU", here, older_criu, false}};
  std::vector<HostPair> pairs;
  for (const auto& pair : all) {
    const auto has = [](const HostKind& kind) {
      return std::filesystem::exists(kind.layer / "usr/sbin/dockerd") && std::filesystem::exists(kind.criu);
    };
    if (has(pair.source) && has(pair.target)) {
      pairs.push_back(pair);
    } else {
      notes.push_back(fmt::format("\"{}\" was left out: {} is not beside ferry (make assignment-hosts)", pair.label,
                                  (has(pair.source) ? pair.target : pair.source).words));
    }
  }
  return pairs;
}

base::Exit assignment(const AssignmentOptions& options) {
  if (!options.output.empty()) report::check_report_path(options.output);
  const Progress progress;
  const auto experiment = Assignment(options, progress).run();
  if (!options.compatibility.empty()) base::replace_file(options.compatibility, compatibility_text(experiment));
  std::string written;
  if (!options.output.empty()) written = write_output(experiment, options.output, options.language);
  if (options.json) {
    fmt::print("{}\n", report::json_text(report::to_json(experiment), 2));
  } else {
    const auto paint = Paint::for_output(STDOUT_FILENO);
    fmt::print("\n{}\n{}\n{}", summary_text(experiment, paint), verdict_text(experiment, paint), written);
  }
  return is_good(experiment) ? base::Exit::kDone : base::Exit::kFailed;
}

}  // namespace ferry::bench
