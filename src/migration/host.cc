// SPDX-License-Identifier: Apache-2.0
#include "migration/host.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/fd.h"
#include "kernel/namespaces.h"

namespace ferry::migration {

std::string host_name() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  return name;
}

std::string boot_id() {
  std::string boot = base::read_file("/proc/sys/kernel/random/boot_id");
  while (!boot.empty() && boot.back() == '\n') boot.pop_back();
  return boot;
}

std::string host_id() {
  return fmt::format("{}/{}/{}", boot_id(), kernel::namespace_id(::getpid(), "pid"), kernel::namespace_id(::getpid(), "net"));
}

}  // namespace ferry::migration
