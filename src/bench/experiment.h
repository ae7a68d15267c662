// SPDX-License-Identifier: Apache-2.0
//
// `ferry bench SCENARIO`: brings hosts up or uses real ones, runs every combination of the scenario
// by every way, as often as told, and gives what came out as a report::Experiment. The ways take
// turns within a repetition, so that a machine that gets busy slows them all.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "bench/scenario.h"
#include "report/language.h"

namespace ferry::bench {

struct BenchOptions {
  std::string scenario;       // a name, or the path of a file
  std::optional<int> repeat;  // these four instead of the scenario's own
  std::optional<int> moves;
  std::vector<std::string> modes, baselines;
  std::vector<base::Path> layers;  // of the virtual hosts; empty: the one beside ferry
  base::Path program;              // web_counter.py; empty: found
  std::string source, target;      // real hosts, [user@]host; empty: virtual ones
  std::optional<Address> address;  // of the workload on real hosts
  base::Path output;               // report.html or .json; empty: none
  report::Language language = report::Language::kEnglish;  // of the report
  bool json = false;                                       // on stdout, instead of the text
  std::string command;                                     // as it was typed, for the report
  int wake_fd = -1;
};

struct Outcome {
  report::Experiment experiment;
  base::Exit exit = base::Exit::kDone;  // kFailed: a move failed, something was lost or left out
};

// What was measured before an interruption is in the outcome, too (kCancelled). Throws Error when
// nothing could be.
Outcome run_experiment(const Scenario& scenario, const BenchOptions& options,
                       const Progress& progress);

// What is done with an outcome, however it was made: files, and JSON or text on stdout. Returns its
// exit code.
base::Exit present(const Outcome& outcome, const BenchOptions& options, const Progress& progress);

// Scenario, output and all: what the command does.
base::Exit bench(const BenchOptions& options);

}  // namespace ferry::bench
