// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace ferry::base {

SysError::SysError(std::string_view call, int number, std::string_view what)
    : std::runtime_error(what.empty() ? fmt::format("{}: {}", call, std::strerror(number))
                                      : fmt::format("{} {}: {}", call, what, std::strerror(number))),
      number_(number) {}

namespace {

std::string as_text(const Explanation& e) {
  std::string text = e.what;
  if (!e.host.empty()) text += fmt::format(" (on {})", e.host);
  if (!e.why.empty()) text += fmt::format(": {}", e.why);
  if (!e.remedy.empty()) text += fmt::format("\n  to do: {}", e.remedy);
  if (!e.log.empty()) text += fmt::format("\n  log:   {}{}{}", e.host, e.host.empty() ? "" : ":", e.log);
  return text;
}

}  // namespace

Error::Error(Explanation explanation, Exit exit)
    : std::runtime_error(as_text(explanation)), explanation_(std::move(explanation)), exit_(exit) {}

void refuse(std::string what, std::string why, std::string remedy) {
  throw Error({std::move(what), std::move(why), std::move(remedy), {}, {}}, Exit::kRefused);
}

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "ferry: bug: %s does not hold at %s:%d\n", condition, file, line);
  std::abort();
}

void prepare_to_throw() {
  try {
    throw SysError("none", 0, "");
  } catch (const SysError&) {
  }
}

}  // namespace ferry::base
