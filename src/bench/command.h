// SPDX-License-Identifier: Apache-2.0
//
// A program that an experiment has under way. Unlike base::run, waiting for it ends early when the
// user wants to stop, and has a bound: an experiment must never hang with its hosts up.
#pragma once

#include <string_view>

#include "base/clock.h"
#include "base/subprocess.h"

namespace ferry::bench {

// Ctrl-C or SIGTERM. The experiment unwinds, and everything that it started ends on the way.
[[noreturn]] void throw_interrupted();

class Command {
 public:
  // In a session of its own: Ctrl-C reaches us alone, and we end things in their order.
  // From then on SIGPIPE is ignored in this process: a program that ends early is a result.
  // `wake_fd` readable (-1: never) interrupts a wait.
  Command(const base::Argv& argv, int wake_fd);

  // Writes `input`, closes its input, takes its outputs and waits for its end. Throws Error when
  // that takes longer than `limit`, or on an interruption; the program is then killed with this
  // object.
  base::Finished finish(base::milliseconds limit, std::string_view input = {});

 private:
  void feed(std::string_view& input);
  void drain(base::Fd& from, short events, std::string& into);

  std::string what_;  // for people
  int wake_fd_;
  base::Child child_;
  base::Fd input_, output_, errors_;
};

}  // namespace ferry::bench
