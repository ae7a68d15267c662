// SPDX-License-Identifier: Apache-2.0
//
// An experiment after the fact: what was done, on what machine, and what each move cost. bench fills it in, report shows it.
// Times of a move are in ms since its command was started, by CLOCK_REALTIME of the machine that the load came from; clock
// offsets between hosts have been removed by whoever filled this in. What was not measured, or does not exist for that way of
// moving, is nullopt and is not shown.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ferry::report {

struct Phase {
  std::string name;  // prepare, copy, freeze, dump, send, restore, commit, settle, … or a step of a recipe done by hand
  double start_ms = 0, ms = 0;
  bool frozen = false;  // the workload does not run in it
};

// One pass of pre-copy.
struct Round {
  int number = 0;             // from 1
  double start_ms = 0, ms = 0;
  uint64_t dirty_bytes = 0;   // written since the round before; all of it in the first
  uint64_t sent_bytes = 0;    // on the wire
};

struct Quantiles {
  uint64_t answered = 0, failed = 0;
  double seconds = 0;  // how long it was looked at: answered / seconds is the throughput
  std::optional<double> p50_ms, p90_ms, p99_ms, p999_ms, max_ms;
  // The whole distribution: for each latency (upper bound of a class, ms, ascending) how many answers.
  std::vector<std::pair<double, uint64_t>> classes;
};

// 10 ms of a client's view.
struct TimelinePoint {
  double at_ms = 0;  // start of it; before the move it is negative
  uint32_t due = 0, completed = 0, errors = 0;
  std::optional<double> worst_ms;  // the longest latency of the requests due in it that were answered
};

struct Failure {
  std::string what, why, remedy, host, log;
};

struct Move {
  // What and how. Moves that differ in nothing of this are repetitions of each other.
  std::string workload;  // web_counter, nginx, redis, looper, …
  std::string engine;    // process, docker, …
  std::string mode;      // stop, pre, post, hybrid, auto; for a native way what it calls itself ("checkpoint", "lazy-pages")
  std::string via;       // "ferry" or "native"
  std::string way;       // as rows and legends call it: "ferry (stop)", "criu dump + scp + criu restore", "docker checkpoint"
  std::map<std::string, std::string> parameters;  // what the scenario varied: {"memory", "1 GiB"}; sorted by parameter_order
  int repetition = 0;    // from 1

  std::string source, target;  // hosts
  std::string result;    // moved, failed, refused, cancelled, in-doubt
  std::optional<Failure> failure;
  std::vector<std::string> commands;  // typed to make this move, in order; `steps` of them by hand
  std::optional<int> steps;

  std::optional<uint64_t> memory_bytes, bytes_sent;
  std::optional<uint64_t> left_at_resume_bytes;  // of its memory: not in place yet when it ran again
  std::optional<uint64_t> faults;                // pages that it had to wait for then
  std::optional<double> frozen_ms;         // by ferry's clocks; none for a native way
  std::optional<double> client_gap_ms;     // from the last answer before the freeze to the first one after
  std::optional<double> worst_latency_ms;  // of the requests due during the move
  std::optional<double> ping_gap_ms;       // without a reply of its address, around the freeze
  // As a capture on the client's host shows: segments sent again, those of them that the pause does not explain, and resets.
  std::optional<uint64_t> retransmissions, unexplained_retransmissions, captured_resets;
  std::optional<double> total_ms, settle_ms;
  std::optional<double> stream_bytes_per_s;  // of plain TCP between the two hosts, just before
  std::optional<double> cpu_ms;            // of the mover on both hosts
  std::optional<uint64_t> source_rss_bytes, target_rss_bytes;  // its peak, without the memory that it keeps for the workload
  std::optional<uint64_t> requests, errors, resets;
  std::map<std::string, uint64_t> errors_by_kind;
  std::optional<bool> state_intact;
  std::vector<std::string> state_words;    // how it was checked, and what is wrong when it is not intact
  std::optional<double> time_lost_ms;      // of a computation: that it did not run, as it measured itself

  std::vector<Phase> phases;
  std::vector<Round> rounds;
  // Before the move, in it, after it; and in that part of it in which memory is copied and the workload still runs.
  std::optional<Quantiles> before, during, after, copying;
  std::vector<TimelinePoint> timeline;     // from some seconds before to some seconds after
};

struct Host {
  std::string name;
  std::vector<std::pair<std::string, std::string>> facts;  // {"kernel", "6.18"}, {"CRIU", "4.2.1"}, {"docker", "26.1.5"}, …
};

struct Machine {
  std::string date;  // ISO 8601
  std::string kernel, architecture, processor;
  int cores = 0;
  uint64_t memory_bytes = 0;
};

// A parameter that the scenario varied, and the order in which its values stand on an axis.
struct Parameter {
  std::string name;                 // "memory", "dirty rate", "link"
  std::vector<std::string> values;  // as in Move::parameters
  std::vector<double> numbers;      // the same as numbers, for the axis; empty: they are names
  std::string unit;                 // of the numbers: "bytes", "bytes/s", …
};

// What an experiment was asked to show, and whether it did: "client_gap_ms of redis at 1 GiB ≤ 60".
struct Target {
  std::string text;
  std::optional<double> value, limit;  // value none: it could not be computed
  bool met = false;
};

struct Experiment {
  std::string scenario;             // its name: "assignment", "modes", …
  std::string description;          // the scenario file's own words
  std::string command;              // that made it: "ferry bench modes --repeat 5"
  std::string ferry_version;
  Machine machine;
  std::vector<Host> hosts;
  std::vector<std::string> links;   // "east – west: 1 Gbit/s, 0.5 ms"
  std::string load;                 // in words: "200 requests/s on 8 keep-alive connections, open loop"
  std::vector<std::string> notes;   // where it departs from the recipe, what was skipped and why
  std::vector<Parameter> parameters;
  std::vector<Move> moves;
  std::vector<Target> targets;
};

}  // namespace ferry::report
