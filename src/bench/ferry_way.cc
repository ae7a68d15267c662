// SPDX-License-Identifier: Apache-2.0
#include "bench/ferry_way.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iterator>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "migration/source.h"

namespace ferry::bench {

namespace {

using base::milliseconds;
using nlohmann::json;

template <typename T>
std::optional<T> optional_at(const json& in, const char* key) {
  const auto found = in.find(key);
  if (found == in.end() || found->is_null()) return std::nullopt;
  return found->get<T>();
}

report::Failure failure_of(const json& error) {
  return {error.at("what"), error.at("why"), error.at("remedy"), error.at("host"), error.at("log")};
}

std::vector<report::Round> rounds_of(const json& in, double shift_ms) {
  std::vector<report::Round> rounds;
  for (const json& round : in.value("rounds", json::array())) {
    rounds.push_back({static_cast<int>(rounds.size()) + 1, round.value("start_ms", 0.0) + shift_ms,
                      round.value("ms", 0.0), round.value("dirty_bytes", uint64_t{0}),
                      round.value("sent_bytes", uint64_t{0})});
  }
  return rounds;
}

// What both hosts have spent is known when the target has told.
void read_cost(const json& cost, report::Move& move) {
  const auto at = [&](const char* side) { return cost.value(side, json::object()); };
  move.source_rss_bytes = optional_at<uint64_t>(at("source"), "peak_rss_bytes");
  move.target_rss_bytes = optional_at<uint64_t>(at("target"), "peak_rss_bytes");
  const auto here = optional_at<double>(at("source"), "cpu_ms"), there = optional_at<double>(at("target"), "cpu_ms");
  if (here && there) move.cpu_ms = *here + *there;
}

// ferry counts from when it began, we from when its command was started, which may go over ssh. The
// freeze is on both clocks.
double shift_of(const json& phases, double frozen_at_ms) {
  for (const json& phase : phases) {
    if (phase.at("name") == "freeze") return frozen_at_ms - phase.at("start_ms").get<double>();
  }
  return 0;
}

MadeMove parse(const json& in, int64_t started_ns, int64_t ended_ns, int64_t ahead_ns) {
  MadeMove made{{}, started_ns, ended_ns};
  report::Move& move = made.move;
  move.result = in.at("result");
  move.mode = in.at("mode");
  move.total_ms = static_cast<double>(ended_ns - started_ns) / 1e6;
  move.memory_bytes = in.at("memory_bytes").get<uint64_t>();
  move.bytes_sent = in.at("bytes_sent").get<uint64_t>();
  move.settle_ms = optional_at<double>(in, "settle_ms");
  move.left_at_resume_bytes = optional_at<uint64_t>(in, "left_at_resume_bytes");
  move.faults = optional_at<uint64_t>(in, "faults");
  read_cost(in.value("cost", json::object()), move);
  if (in.contains("error")) move.failure = failure_of(in.at("error"));
  if (made.moved()) {
    move.frozen_ms = in.at("frozen_ms").get<double>();
    made.frozen_ns = in.at("frozen_real_ns").get<int64_t>() - ahead_ns;
    made.resumed_ns = in.at("resumed_real_ns").get<int64_t>() - ahead_ns;
  }
  const double frozen_at = static_cast<double>(made.frozen_ns - started_ns) / 1e6;
  const double resumed_at = static_cast<double>(made.resumed_ns - started_ns) / 1e6;
  const double shift = made.moved() ? shift_of(in.at("phases"), frozen_at) : 0;
  for (const json& phase : in.at("phases")) {
    report::Phase one{phase.at("name"), phase.at("start_ms").get<double>() + shift, phase.at("ms")};
    const double middle = one.start_ms + one.ms / 2;
    one.frozen = made.moved() && middle > frozen_at && middle < resumed_at;
    move.phases.push_back(std::move(one));
  }
  move.rounds = rounds_of(in, shift);
  return made;
}

}  // namespace

// From those that `ferry move --mode` takes; the one that does least comes first.
std::vector<std::string> ferry_modes() {
  using migration::kModeNames;
  return {std::rbegin(kModeNames), std::rend(kModeNames)};
}

MadeMove made_of(std::string_view report_json, int64_t started_ns, int64_t ended_ns,
                 int64_t ahead_ns) {
  try {
    return parse(json::parse(report_json), started_ns, ended_ns, ahead_ns);
  } catch (const json::exception& failure) {
    throw base::Error({"cannot read the report of a move", failure.what(), "", {}, {}});
  }
}

void FerryWay::start(const Workload& workload, const std::string& host) {
  for (const auto& each : {hosts_.roles().source, hosts_.roles().target}) workload.install(each);
  base::Argv argv{"ferry", "run", "--name", kName};
  if (workload.serves()) {
    argv.insert(argv.end(), {"--ip", hosts_.address().with_prefix()});
  }
  argv.push_back("--");
  const base::Argv command = workload.command();
  argv.insert(argv.end(), command.begin(), command.end());
  hosts_.check(host, argv);
  at_ = host;
}

MadeMove move_by_ferry(const Hosts& hosts, const Leg& leg, base::Argv move, const std::string& engine,
                       const std::string& mode) {
  const auto typed = fmt::format("{}", fmt::join(move, " "));
  move.insert(move.end(), {"--json", "-q"});
  const int64_t started_ns = base::real_ns();
  const auto ended = hosts.run(leg.from, move, kMoveLimit);
  const int64_t ended_ns = base::real_ns();
  if (ended.out.empty()) {
    throw base::Error(
        {fmt::format("ferry move ended without a report (exit code {})", ended.status),
         ended.err,
         "",
         leg.from,
         {}});
  }
  MadeMove made = made_of(ended.out, started_ns, ended_ns, hosts.clock_ahead_ns(leg.from));
  made.move.engine = engine;
  made.move.mode = mode;
  made.move.via = "ferry";
  made.move.commands = {typed};
  made.move.steps = 1;
  return made;
}

MadeMove FerryWay::move(const Leg& leg) {
  base::Argv argv{"ferry", "move", kName, hosts_.login(leg.to), "--mode", mode_};
  if (!parking_) argv.push_back("--no-parking");
  MadeMove made = move_by_ferry(hosts_, leg, std::move(argv), "process", mode_);
  if (made.moved()) at_ = leg.to;
  return made;
}

// Where it went before remembers it: without that record the name is free again.
bool FerryWay::end() {
  bool ended = true;
  for (const auto& host : {hosts_.roles().source, hosts_.roles().target}) {
    if (host == at_) ended = hosts_.run(host, {"ferry", "stop", kName}).status == 0;
    const auto record = fmt::format("rm -rf /var/lib/ferry/workloads/{}", kName);
    if (ended) hosts_.shell(host, record);
  }
  return ended;
}

std::string FerryWay::output() const {
  std::string all;
  for (const auto& host : {hosts_.roles().source, hosts_.roles().target}) {
    if (host == at_) all = hosts_.check(host, {"ferry", "logs", kName});
  }
  return all;
}

}  // namespace ferry::bench
