// SPDX-License-Identifier: Apache-2.0
#include "migration/guard.h"

#include <unistd.h>

#include <algorithm>
#include <thread>

#include "base/clock.h"
#include "migration/resolve.h"

namespace ferry::migration {

namespace {

constexpr char kDismissed = 'd';
// A link that was cut, or a host that restarts, is back within this time; after it a person is better.
constexpr base::milliseconds kPatience{10 * 60'000};
constexpr base::milliseconds kFirstWait{250}, kLongestWait{10'000};

}  // namespace

Guard::Guard(Role role, const std::string& job) {
  base::FdPair pipe = base::make_pipe();
  base::SpawnOptions options;
  options.stdin_fd = pipe.first.get();
  options.new_session = true;  // a terminal's Ctrl-C is not for it
  options.environment = {"FERRY_FAULTS="};
  guard_ = base::spawn({"/proc/self/exe", "guard", "--role", std::string(name_of(role)), "--job", job}, options);
  lifeline_ = std::move(pipe.second);
}

void Guard::dismiss() noexcept {
  if (!guard_) return;
  try {
    base::write_full(lifeline_.get(), std::string_view(&kDismissed, 1));
    guard_.wait();
  } catch (const std::exception& gone) {
    base::log("the guard: {}", gone.what());
  }
}

int run_guard(Role role, const std::string& job, int lifeline) {
  char word = 0;
  if (base::read_full(lifeline, std::as_writable_bytes(std::span(&word, 1))) == 1 && word == kDismissed) return 0;
  const auto deadline = base::mono_now() + kPatience;
  for (auto wait = kFirstWait; base::mono_now() < deadline; wait = std::min(2 * wait, kLongestWait)) {
    try {
      const auto result = resolve_job(role, job, Decision::kAskTarget);
      base::log("{}: {}: {}", job, result.found, result.done);
      if (!result.is_open) return 0;
    } catch (const std::exception& failure) {
      base::log("{}: {}", job, failure.what());
    }
    std::this_thread::sleep_for(wait);
  }
  return 1;
}

}  // namespace ferry::migration
