// SPDX-License-Identifier: Apache-2.0
#include "bench/hand_criu.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "base/error.h"
#include "bench/hand_criu_scripts.h"

namespace ferry::bench {

namespace {

// CRIU keeps pages that wait to be pulled in pipes, and has not everywhere the capability to have
// as many and as large ones as it wants.
constexpr std::array<std::pair<const char*, const char*>, 2> kPipeLimits = {{
    {"/proc/sys/fs/pipe-user-pages-soft", "0"},  // pages of a user: no limit
    {"/proc/sys/fs/pipe-max-size", "16777216"},  // bytes of a pipe
}};


}  // namespace

std::string complaint(const std::string& said, const std::string& errors) {
  std::istringstream lines(said + errors);
  std::string all;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    uint64_t number = 0;
    if (words >> name >> number && words.eof()) continue;
    if (line.empty() || line.starts_with("log file: ")) continue;
    line.erase(std::min(line.find(" path= /"), line.size()));
    all += (all.empty() ? "" : "; ") + line;
  }
  return all.empty() ? "it says nothing" : all;
}

MadeMove made_by_hand(const std::string& said, int64_t started_ns, int64_t ended_ns,
                      int64_t ahead_ns) {
  MadeMove made{{}, started_ns, ended_ns};
  report::Move& move = made.move;
  move.result = "failed";
  move.total_ms = static_cast<double>(ended_ns - started_ns) / 1e6;
  std::istringstream lines(said);
  std::string name;
  for (uint64_t number = 0; lines >> name >> number;) {
    if (name == "bytes") move.bytes_sent = number;
    if (name == "memory") move.memory_bytes = number;
    if (name == "bytes" || name == "memory") continue;
    const int64_t at_ns = static_cast<int64_t>(number) * 1000 - ahead_ns;
    const double at_ms = static_cast<double>(at_ns - started_ns) / 1e6;
    if (!move.phases.empty()) move.phases.back().ms = at_ms - move.phases.back().start_ms;
    if (name == "dump") made.frozen_ns = at_ns;
    if (name == "settle" || (name == "done" && made.resumed_ns == 0)) made.resumed_ns = at_ns;
    if (name == "done") {
      move.result = "moved";
    } else {
      move.phases.push_back({name, at_ms, 0, name != "prepare" && name != "settle"});
    }
  }
  if (!move.phases.empty() && move.phases.back().name == "settle") {
    move.settle_ms = move.phases.back().ms;
  }
  if (!made.moved()) made.frozen_ns = made.resumed_ns = 0;
  return made;
}

std::string HandCriu::name() const {
  return memory_ == Memory::kCopied ? "criu dump + scp + criu restore" : "criu --lazy-pages";
}

// The steps as a person types them.
std::vector<std::string> HandCriu::typed(const Leg& leg) const {
  const bool pulled = memory_ == Memory::kPulled;
  const std::string lazy = pulled ? " --lazy-pages" : "";
  const std::string serving = pulled ? " --address 0.0.0.0 --port 7007 &" : "";
  std::vector<std::string> all;
  const auto add = [&](const std::string& host, const std::string& line) {
    all.push_back(fmt::format("{}: {}", host, line));
  };
  if (pulled) add(leg.from, "sysctl -w fs.pipe-user-pages-soft=0 fs.pipe-max-size=16777216");
  if (serves_) {
    add(leg.to, "ip netns add …; ip link add … (its address, not on the bridge yet)");
    add(leg.from, "ip link set … nomaster");
  }
  add(leg.from, "criu dump -t PID -D images --tcp-established" + lazy + serving);
  add(leg.from, fmt::format("scp -r images {}:", hosts_.login(leg.to)));
  if (pulled)
    add(leg.to, fmt::format("criu lazy-pages -D images --page-server --address {} …", leg.from));
  add(leg.to, "criu restore -d -D images --tcp-established" + lazy);
  if (serves_) {
    add(leg.to, "ip neigh replace …; ip link set … master br0; ip link set eth0 address …");
  }
  return all;
}

void HandCriu::start(const Workload& workload, const std::string& host) {
  serves_ = workload.serves();
  for (const auto& each : {hosts_.roles().source, hosts_.roles().target}) {
    workload.install(each);
    base::Argv check = criu_;
    check.emplace_back("check");  // caches what CRIU finds out about the kernel
    hosts_.run(each, check);
  }
  if (memory_ == Memory::kPulled) widen_pipes();
  at_ = host;
  hosts_.check(host, script(kHandPrepare, {}));
  hosts_.check(host, script(std::string(kHandAttach) + kHandStart, workload.command()));
}

void HandCriu::widen_pipes() {
  for (const auto& host : {hosts_.roles().source, hosts_.roles().target}) {
    for (const auto& [file, wanted] : kPipeLimits) {
      const std::string before = hosts_.check(host, {"cat", file});
      if (before == fmt::format("{}\n", wanted)) continue;
      pipe_limits_.push_back({host, file, before});
      hosts_.check(host, {"tee", file}, Hosts::kCommandLimit, wanted);
    }
  }
}

base::Argv hand_script(const Hosts& hosts, bool serves, const std::string& text, const base::Argv& arguments) {
  base::Argv argv{"bash", "-c", kHandCommon + text, "bash", serves ? hosts.address().with_prefix() : ""};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

MadeMove move_by_script(const Hosts& hosts, const Leg& leg, const base::Argv& script, std::vector<std::string> typed) {
  const int64_t started_ns = base::real_ns();
  const auto ended = hosts.run(leg.from, script, kMoveLimit);
  const int64_t ended_ns = base::real_ns();
  MadeMove made = made_by_hand(ended.out, started_ns, ended_ns, hosts.clock_ahead_ns(leg.from));
  made.move.via = "native";
  made.move.steps = static_cast<int>(typed.size());
  made.move.commands = std::move(typed);
  if (!made.moved()) {
    made.move.failure = report::Failure{"the move by hand failed", complaint(ended.out, ended.err),
                                        "", leg.from, ""};
  }
  return made;
}

MadeMove HandCriu::move(const Leg& leg) {
  base::Argv arguments{hosts_.login(leg.to), std::string(kHandCommon) + kHandPrepare};
  arguments.insert(arguments.end(), criu_.begin(), criu_.end());
  const bool pulled = memory_ == Memory::kPulled;
  const std::string steps = std::string(kHandTogether) + kHandBegin + (pulled ? kHandLazy : kHandCopy);
  MadeMove made = move_by_script(hosts_, leg, script(steps, arguments), typed(leg));
  made.move.engine = "process";
  made.move.mode = pulled ? "lazy-pages" : "dump and restore";
  if (made.moved()) at_ = leg.to;
  return made;
}

bool HandCriu::end() {
  bool ended = true;
  for (const auto& host : {hosts_.roles().source, hosts_.roles().target}) {
    ended = hosts_.run(host, script(kHandEnd, {})).status == 0 && ended;
  }
  for (const auto& [host, file, before] : pipe_limits_) {
    ended = hosts_.run(host, {"tee", file}, Hosts::kCommandLimit, before).status == 0 && ended;
  }
  pipe_limits_.clear();
  return ended;
}

std::string HandCriu::output() const { return hosts_.check(at_, {"cat", "/dev/shm/by-hand/log"}); }

}  // namespace ferry::bench
