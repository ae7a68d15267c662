// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace ferry::base {
namespace {

std::shared_ptr<spdlog::logger>& sink() {
  static std::shared_ptr<spdlog::logger> instance;
  return instance;
}

}  // namespace

void set_log(bool verbose, std::string_view who) {
  if (!verbose) {
    sink().reset();
    return;
  }
  sink() = std::make_shared<spdlog::logger>(
      std::string(who), std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  sink()->set_pattern("%H:%M:%S.%f %n: %v");
}

bool log_enabled() { return sink() != nullptr; }

void log_line(std::string_view text) {
  if (sink()) sink()->info("{}", text);
}

}  // namespace ferry::base
