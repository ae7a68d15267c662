// SPDX-License-Identifier: Apache-2.0
#include "handover/relay_talk.h"

#include <fmt/format.h>
#include <signal.h>

#include "base/error.h"
#include "base/fd_message.h"
#include "handover/relay_ear.h"

namespace ferry::handover {

namespace {

// Longer than it takes to find that the other host cannot be reached (transport/lanes.cc: 5 s
// each).
constexpr int kAnswerMs = 15'000;

}  // namespace

void RelayTalk::fail(const std::string& why) const {
  throw base::Error({"cannot " + what_, why, {}, {}, {}});
}

void RelayTalk::tell(const std::string& word, const std::vector<int>& fds) {
  try {
    base::send_message(control_.get(), word, fds);
  } catch (const base::SysError& gone) {
    fail(std::string("its process has gone: ") + gone.what());
  }
}

std::string RelayTalk::hear() {
  if (!base::wait_readable(control_.get(), kAnswerMs)) fail("its process does not answer");
  std::string answer;
  try {
    answer = base::receive_message(control_.get()).bytes;
  } catch (const base::SysError& gone) {
    fail(std::string("its process has gone: ") + gone.what());
  }
  if (answer.empty()) fail("its process has ended");
  if (!answer.starts_with(kDone)) fail(answer);
  return answer.substr(kDone.size());
}

LineHome::LineHome(RelayRecord relay)
    : RelayTalk(fmt::format("bring home what is relayed {} {} for {}",
                            relay.end == RelayEnd::kExit ? "from" : "to", relay.peer, relay.name),
                {}),
      relay_(std::move(relay)) {
  try {
    control_ = call_relay(relay_.process.pid);
  } catch (const base::SysError& gone) {
    fail(std::string("its process does not listen: ") + gone.what());
  }
}

void LineHome::end() const { kernel::signal_process(relay_.process, SIGTERM); }

}  // namespace ferry::handover
