// SPDX-License-Identifier: Apache-2.0
#include "bench/clock_offset.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"

namespace ferry::bench {

namespace {

constexpr int kRoundTrips = 20;
constexpr int kAnswerLimitMs = 10'000;  // the first one waits for the connection

// Bash's own clock, in µs: no program has to be started for an answer.
constexpr const char* kAnswer = "while read -r; do echo ${EPOCHREALTIME/[.,]/}; done";

base::Error no_answer() { return base::Error({"cannot read the clock of the other host", "it gives no answer", "", {}, {}}); }

std::string read_line(int fd) {
  std::string line;
  char byte = 0;
  while (base::wait_readable(fd, kAnswerLimitMs) && ::read(fd, &byte, 1) == 1) {
    if (byte == '\n') return line;
    line += byte;
  }
  throw no_answer();
}

// An answerer that has ended gives none, whichever end of it is noticed first.
void ask(int fd) {
  try {
    base::write_full(fd, "\n");
  } catch (const base::SysError&) {
    throw no_answer();
  }
}

}  // namespace

ClockOffset best_of(const std::vector<ClockAnswer>& answers) {
  ClockOffset best;
  for (const ClockAnswer& answer : answers) {
    const int64_t round_trip_ns = answer.answered_ns - answer.asked_ns;
    if (best.round_trip_ns != 0 && round_trip_ns >= best.round_trip_ns) continue;
    best = {answer.said_ns - (answer.asked_ns + round_trip_ns / 2), round_trip_ns};
  }
  return best;
}

base::Argv clock_answerer() { return {"bash", "-c", kAnswer}; }

ClockOffset measure_clock_offset(const base::Argv& answerer) {
  ::signal(SIGPIPE, SIG_IGN);  // an answerer that has ended is an error like others
  base::FdPair in = base::make_pipe(), out = base::make_pipe();
  base::SpawnOptions options;
  options.stdin_fd = in.first.get();
  options.stdout_fd = out.second.get();
  options.new_session = true;
  const base::Child child = base::spawn(answerer, options);
  in.first.reset();
  out.second.reset();
  std::vector<ClockAnswer> answers;
  for (int i = 0; i < kRoundTrips; ++i) {
    ClockAnswer answer;
    answer.asked_ns = base::real_ns();
    ask(in.second.get());
    const std::string line = read_line(out.first.get());
    answer.answered_ns = base::real_ns();
    answer.said_ns = std::strtoll(line.c_str(), nullptr, 10) * 1000;
    if (answer.said_ns == 0) {
      throw base::Error(
          {"cannot read the clock of the other host", "it says: " + line, "", {}, {}});
    }
    answers.push_back(answer);
  }
  return best_of(answers);
}

}  // namespace ferry::bench
