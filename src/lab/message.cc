// SPDX-License-Identifier: Apache-2.0
#include "lab/message.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/fd.h"

namespace ferry::lab {

using base::Error;
using base::Explanation;

namespace {

constexpr size_t kLongestMessage = 64 << 10;  // keys of kMostHosts hosts are below 2 KiB

Explanation explanation_in(const Json& error) {
  return {error.at("what"), error.at("why"), error.at("remedy"), error.at("host"), error.at("log")};
}

}  // namespace

void send_message(int fd, const Json& message) {
  const std::string text = message.dump();
  CHECK(text.size() <= kLongestMessage);
  if (::send(fd, text.data(), text.size(), MSG_NOSIGNAL) < 0) throw base::SysError("send", errno, "");
}

Json receive_message(int fd, int limit_ms, const std::string& who) {
  if (!base::wait_readable(fd, limit_ms)) {
    throw Error({"the lab does not come up", who + " does not answer", "", {}, {}});
  }
  std::string text(kLongestMessage, '\0');
  const ssize_t got = ::recv(fd, text.data(), text.size(), 0);
  if (got <= 0) throw Error({"the lab does not come up", who + " has died", "", {}, {}});
  text.resize(static_cast<size_t>(got));
  Json message = Json::parse(text);
  if (const auto error = message.find("error"); error != message.end()) {
    throw Error(explanation_in(*error), static_cast<base::Exit>(error->at("exit").get<int>()));
  }
  return message;
}

void send_error(int fd, const std::exception& failure) {
  Explanation explanation{"the lab does not come up", failure.what(), "", {}, {}};
  int code = static_cast<int>(base::Exit::kFailed);
  if (const auto* error = dynamic_cast<const Error*>(&failure)) {
    explanation = error->explanation();
    code = static_cast<int>(error->exit());
  }
  try {
    send_message(fd, {{"error",
                       {{"what", explanation.what},
                        {"why", explanation.why},
                        {"remedy", explanation.remedy},
                        {"host", explanation.host},
                        {"log", explanation.log},
                        {"exit", code}}}});
  } catch (const std::exception&) {
    // Nobody listens any more.
  }
}

}  // namespace ferry::lab
