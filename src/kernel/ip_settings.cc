// SPDX-License-Identifier: Apache-2.0
#include "kernel/ip_settings.h"

#include <filesystem>

#include "base/fd.h"

namespace ferry::kernel {
namespace {

void set(const char* version, const std::string& link, const char* setting, const char* value) {
  const auto file = base::Path("/proc/sys/net") / version / "conf" / link / setting;
  if (std::filesystem::exists(file)) base::write_file(file, value);
}

}  // namespace

void disable_ipv6(const std::string& link) { set("ipv6", link, "disable_ipv6", "1"); }

void make_ipv6_static(const std::string& link) {
  for (const char* setting : {"accept_dad", "accept_ra", "autoconf"}) set("ipv6", link, setting, "0");
}

void stop_routing_from(const std::string& link) { set("ipv4", link, "forwarding", "0"); }

}  // namespace ferry::kernel
