// SPDX-License-Identifier: Apache-2.0
//
// For the tests beside it: an experiment in which every field has a value of its own, and small ones to vary.
#pragma once

#include "report/experiment.h"

namespace ferry::report {

inline Quantiles example_quantiles(double scale) {
  return {1000, 3, 2.5, 0.25 * scale, 0.5 * scale, 1.5 * scale, 3.25 * scale, 4.125 * scale,
          {{0.25 * scale, 600}, {1.5 * scale, 395}, {4.125 * scale, 5}}};
}

inline Move example_move(std::string way, int repetition, double gap_ms) {
  Move move;
  move.workload = "web_counter";
  move.engine = "process";
  move.mode = "stop";
  move.via = way.starts_with("ferry") ? "ferry" : "native";
  move.way = std::move(way);
  move.repetition = repetition;
  move.source = "east";
  move.target = "west";
  move.result = "moved";
  move.client_gap_ms = gap_ms;
  return move;
}

inline Move full_move() {
  Move move = example_move("ferry (stop)", 1, 214.125);
  move.parameters = {{"memory", "64 MiB"}};
  move.failure = Failure{"cannot dump web", "it is traced", "detach it", "east", "/var/log/x"};
  move.commands = {"ferry move web root@west", "ferry ps"};
  move.steps = 1;
  move.memory_bytes = 64u << 20;
  move.bytes_sent = 65u << 20;
  move.frozen_ms = 48.375;
  move.worst_latency_ms = 212.25;
  move.total_ms = 538.125;
  move.settle_ms = 5.5;
  move.left_at_resume_bytes = 3u << 20;
  move.faults = 12;
  move.stream_bytes_per_s = 2.5e9;
  move.retransmissions = 5;
  move.unexplained_retransmissions = 1;
  move.captured_resets = 0;
  move.cpu_ms = 412.5;
  move.source_rss_bytes = 20u << 20;
  move.target_rss_bytes = 90u << 20;
  move.requests = 860;
  move.errors = 3;
  move.resets = 2;
  move.errors_by_kind = {{"reset", 2}, {"timeout", 1}};
  move.state_intact = false;
  move.state_words = {"1701 increments were answered", "number 17 is missing"};
  move.time_lost_ms = 50.5;
  move.phases = {{"prepare", 0, 432.25, false}, {"freeze", 432.25, 0.875, true}};
  move.rounds = {{1, 100, 50.5, 64u << 20, 60u << 20}, {2, 150.5, 5.25, 1u << 20, 1u << 19}};
  move.before = example_quantiles(1);
  move.during = example_quantiles(50);
  move.after = example_quantiles(1.5);
  move.timeline = {{-10, 2, 2, 0, 0.25}, {0, 2, 0, 1, std::nullopt}, {10, 2, 3, 0, 212.25}};
  return move;
}

inline Experiment full_experiment() {
  Experiment experiment;
  experiment.scenario = "memory-size";
  experiment.description = "What memory costs.";
  experiment.command = "ferry bench memory-size";
  experiment.ferry_version = "0.1.0";
  experiment.machine = {"2026-11-28T00:00:00Z", "6.18.44", "x86_64", "Some CPU", 2, 24ull << 30};
  experiment.hosts = {{"east", {{"CRIU", "4.2.1"}, {"docker", "26.1.5"}}}, {"west", {}}};
  experiment.links = {"east – west: 1 Gbit/s"};
  experiment.load = "200 requests/s on 8 connections";
  experiment.notes = {"docker was skipped: it is not there"};
  experiment.parameters = {{"memory", {"64 MiB", "1 GiB"}, {67108864, 1073741824}, "bytes"}};
  experiment.moves = {full_move(), example_move("criu by hand", 1, 1400.5)};
  experiment.targets = {{"client_gap_ms ≤ 60", 214.125, 60, false}, {"unknown", {}, {}, true}};
  return experiment;
}

}  // namespace ferry::report
