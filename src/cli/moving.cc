// SPDX-License-Identifier: Apache-2.0
#include "cli/moving.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cstdio>

#include "base/units.h"

namespace ferry::cli {

namespace {

std::string text_of(const migration::Round& round) {
  auto text =
      fmt::format("round {}: {} in {}, {}", round.number, base::format_bytes(round.dirty_bytes),
                  base::format_ms(round.ms), base::format_rate(round.copied_bytes_per_s));
  if (round.number > 1) {
    text += fmt::format("; it writes {}, the pause would have been {}",
                        base::format_rate(round.dirty_bytes_per_s),
                        base::format_ms(round.expected_pause_ms));
  }
  if (round.throttle_percent > 0) text += fmt::format("; slowed by {} %", round.throttle_percent);
  return text;
}

}  // namespace

// Whoever reads stderr may have gone (a closed terminal, `| head`); fmt::print would throw, and
// that must not end a move halfway. And a stopped one (Ctrl-S) must not stop a workload that is
// frozen meanwhile.
void say(const std::string& text) {
  pollfd terminal{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&terminal, 1, 0) != 1 || (terminal.revents & POLLOUT) == 0) return;
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
}

ProgressPrinter::ProgressPrinter(bool quiet)
    : quiet_(quiet), terminal_(::isatty(STDERR_FILENO) == 1) {}

migration::Observer ProgressPrinter::observer() {
  migration::Observer observer;
  if (quiet_) return observer;
  observer.phase = [this](std::string_view phase) {
    phase_ = phase;
    show("");
  };
  observer.notice = [this](std::string_view text) {
    clear();
    say(fmt::format("ferry: {}\n", text));
  };
  observer.round = [this](const migration::Round& round) {
    clear();
    say(fmt::format("ferry: {}\n", text_of(round)));
  };
  if (terminal_) {
    observer.bytes = [this](uint64_t done, uint64_t total) {
      if (total > 0)
        show(fmt::format(" {} of {}", base::format_bytes(done), base::format_bytes(total)));
    };
  }
  return observer;
}

void ProgressPrinter::clear() {
  if (terminal_ && !quiet_) say("\r\033[K");
}

void ProgressPrinter::show(const std::string& detail) {
  if (terminal_) {
    say(fmt::format("\r\033[K{} …{}", phase_, detail));
  } else {
    say(fmt::format("ferry: {}\n", phase_));
  }
}

std::string moved_text(const migration::Report& report) {
  return fmt::format("{} runs on {} now: frozen {}, moved in {}", report.name, report.target,
                     base::format_ms(report.frozen_ms), base::format_ms(report.total_ms));
}

void say_failure(const migration::Report& report) {
  say(fmt::format("ferry: {}\n", base::Error(report.error).what()));
  if (report.unharmed && !report.name.empty())
    say(fmt::format("  {} goes on here, unharmed\n", report.name));
}

base::Exit exit_of(const std::string& result) {
  if (result == "moved") return base::Exit::kDone;
  if (result == "refused") return base::Exit::kRefused;
  if (result == "cancelled") return base::Exit::kCancelled;
  if (result == "in-doubt") return base::Exit::kInDoubt;
  return base::Exit::kFailed;
}

}  // namespace ferry::cli
