// SPDX-License-Identifier: Apache-2.0
//
// Diagnostics for whoever debugs ferry: off by default, to stderr with -v. What a user must know is not a
// log line; it is an event (migration/events) or an Error.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace ferry::base {

void set_log(bool verbose, std::string_view who);  // `who` marks the lines: "source", "target", …
void log_line(std::string_view text);
bool log_enabled();

template <typename... Args>
void log(fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled()) log_line(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace ferry::base
