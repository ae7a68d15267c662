// SPDX-License-Identifier: Apache-2.0
//
// The kill campaign:
//
//     fault_campaign N [--kills | --releases] [--seed S] [--only I] [--part K/M] [--verbose]
//
// runs the trials 0 to N - 1 of a seed (of those, every M-th from the K-th on), several in a lab, a fresh one after a failure. One line
// each, and at the end what came of them; 0 only if all is well.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <optional>

#include "base/log.h"
#include "faults/field.h"

namespace ferry::faults {
namespace {

constexpr int kTrialsPerLab = 25;  // a lab's hosts have their writes in memory

struct Tally {
  int faults = 0, one = 0, two = 0, none = 0, leftovers = 0, in_doubt = 0, harmed = 0, spoilt = 0;

  void add(const Outcome& outcome) {
    ++faults;
    if (!outcome.two.empty()) ++two;
    else if (!outcome.lives_on.empty()) ++one;
    else if (outcome.in_doubt) ++in_doubt;
    else if (outcome.spoilt.empty()) ++none;
    leftovers += !outcome.leftovers.empty();
    harmed += !outcome.harm.empty();
    spoilt += !outcome.spoilt.empty();
  }
  bool is_good() const { return two + none + leftovers + harmed + spoilt == 0; }
  std::string text() const {
    std::string line = fmt::format("{} faults, {} with one live copy, {} with two, {} with none, {} leftovers", faults, one, two, none, leftovers);
    const auto add_if_any = [&line](int count, const char* what) {
      if (count > 0) line += fmt::format(", {} {}", count, what);
    };
    add_if_any(in_doubt, "in doubt");
    add_if_any(harmed, "with its state or the next move harmed");
    add_if_any(spoilt, "spoilt");
    return line;
  }
};

std::string summary(const Outcome& outcome) {
  std::string text;
  if (!outcome.lives_on.empty()) {
    text = fmt::format("lives on {} {}, not served for {:.0f} ms{}", outcome.lives_on,
                       outcome.by_itself ? "by itself" : "after ferry resolve", outcome.not_served_ms,
                       outcome.by_itself && !outcome.tidy_by_itself ? ", tidied by ferry resolve" : "");
  } else if (outcome.in_doubt) {
    text = "in doubt: frozen, and both hosts name it";
  } else {
    text = outcome.spoilt.empty() ? "NO LIVE COPY" : "nothing to judge";
  }
  const auto add = [&text](const char* what, const std::string& how) {
    if (!how.empty()) text += fmt::format("; {}: {}", what, how);
  };
  add("TWO HAVE RUN", outcome.two);
  add("HARMED", outcome.harm);
  add("LEFT BEHIND", outcome.leftovers);
  add("SPOILT", outcome.spoilt);
  constexpr double kLong_s = 5;
  if (outcome.move_seconds > kLong_s) text += fmt::format("; ferry move took {:.0f} s to end", outcome.move_seconds);
  return text + fmt::format(" ({:.1f} s)", outcome.seconds);
}

struct Arguments {
  uint64_t count = 0, seed = 1;
  std::optional<uint64_t> only;
  uint64_t part = 0, parts = 1;
  bool kills = false, releases = false, verbose = false;

  Trial draw(uint64_t index) const { return kills ? draw_kill(seed, index) : releases ? draw_release(seed, index) : draw_trial(seed, index); }
};

Tally run_all(const Arguments& arguments) {
  Tally tally;
  std::unique_ptr<Field> field;
  int in_this_lab = 0;
  for (uint64_t index = 0; index < arguments.count; ++index) {
    if (arguments.only ? index != *arguments.only : index % arguments.parts != arguments.part) continue;
    const Trial trial = arguments.draw(index);
    fmt::print("FERRY faults seed {} trial {}: {}: ", trial.seed, trial.index, trial.describe());
    std::fflush(stdout);
    if (!field || in_this_lab == kTrialsPerLab) {
      field.reset();
      field = std::make_unique<Field>(arguments.kills);
      in_this_lab = 0;
    }
    ++in_this_lab;
    const Outcome outcome = field->run(trial);
    fmt::print("{}\n", summary(outcome));
    tally.add(outcome);
    if (!outcome.is_good() || arguments.verbose) fmt::print("{}{}", outcome.said, field->post_mortem());
    if (!outcome.is_good()) field.reset();
    std::fflush(stdout);
  }
  return tally;
}

int run(int argc, char** argv) {
  Arguments arguments;
  std::string part;
  CLI::App app("strikes ferry at every point of a move and counts what is left alive");
  app.add_option("N", arguments.count, "how many trials")->required();
  app.add_flag("--kills", arguments.kills, "ferry is killed at any moment, on the way there and back; nothing else is done");
  app.add_flag("--releases", arguments.releases, "CRIU at the target is killed while it lets the workload go")->excludes("--kills");
  app.add_option("--seed", arguments.seed, "which trials (1)");
  app.add_option("--only", arguments.only, "just this one");
  app.add_option("--part", part, "K/M: every M-th, from the K-th on");
  app.add_flag("--verbose", arguments.verbose, "what ferry said and wrote, also when all is well");
  CLI11_PARSE(app, argc, argv);
  if (!part.empty() && std::sscanf(part.c_str(), "%lu/%lu", &arguments.part, &arguments.parts) != 2) return 2;
  if (arguments.only) arguments.count = std::max(arguments.count, *arguments.only + 1);
  if (const auto reason = testing::why_no_lab(); !reason.empty()) {
    fmt::print("skipped: {}\n", reason);
    constexpr int kSkipped = 77;  // as ctest's SKIP_RETURN_CODE says
    return kSkipped;
  }
  const Tally tally = run_all(arguments);
  fmt::print("{}\n", tally.text());
  return tally.is_good() ? 0 : 1;
}

}  // namespace
}  // namespace ferry::faults

int main(int argc, char** argv) {
  try {
    return ferry::faults::run(argc, argv);
  } catch (const std::exception& failure) {
    fmt::print(stderr, "fault_campaign: {}\n", failure.what());
    return 1;
  }
}
