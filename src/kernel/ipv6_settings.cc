// SPDX-License-Identifier: Apache-2.0
#include "kernel/ipv6_settings.h"

#include <filesystem>

#include "base/fd.h"

namespace ferry::kernel {
namespace {

void set(const std::string& link, const char* setting, const char* value) {
  const auto file = base::Path("/proc/sys/net/ipv6/conf") / link / setting;
  if (std::filesystem::exists(file)) base::write_file(file, value);
}

}  // namespace

void disable_ipv6(const std::string& link) { set(link, "disable_ipv6", "1"); }

void make_ipv6_static(const std::string& link) {
  for (const char* setting : {"accept_dad", "accept_ra", "autoconf"}) set(link, setting, "0");
}

}  // namespace ferry::kernel
