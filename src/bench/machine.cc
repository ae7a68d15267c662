// SPDX-License-Identifier: Apache-2.0
#include "bench/machine.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <sstream>

#include "base/clock.h"
#include "base/fd.h"
#include "base/units.h"
#include "criu/installation.h"

namespace ferry::bench {

namespace {

// The kernel's name for the first processor; not every architecture tells.
std::string processor_name() {
  std::istringstream lines(base::try_read_file("/proc/cpuinfo").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

}  // namespace

Machine Machine::look() {
  utsname names{};
  ::uname(&names);
  return {base::iso_time(base::real_ns()),
          names.release,
          names.machine,
          processor_name(),
          ::sysconf(_SC_NPROCESSORS_ONLN),
          static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
              static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)),
          criu::Installation::find().version(),
          FERRY_VERSION};
}

std::string Machine::line() const {
  return fmt::format("Linux {}, {} cores, {} of memory, CRIU {}, ferry {}", kernel, cores,
                     base::format_bytes(memory_bytes), criu, ferry);
}

nlohmann::ordered_json to_json(const Machine& machine) {
  return {{"date", machine.date},
          {"kernel", machine.kernel},
          {"architecture", machine.architecture},
          {"processor", machine.processor},
          {"cores", machine.cores},
          {"memory_bytes", machine.memory_bytes},
          {"criu", machine.criu},
          {"ferry", machine.ferry}};
}

}  // namespace ferry::bench
