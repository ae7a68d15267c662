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

std::string without(std::string_view prefix, const std::string& text) {
  return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

}  // namespace

Machine Machine::look() {
  utsname names{};
  ::uname(&names);
  report::Machine machine{base::iso_time(base::real_ns()),
                          names.release,
                          names.machine,
                          processor_name(),
                          static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)),
                          static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                              static_cast<uint64_t>(::sysconf(_SC_PAGESIZE))};
  return {std::move(machine), criu::Installation::find().version(), FERRY_VERSION};
}

std::string Machine::line() const {
  return fmt::format("Linux {}, {} cores, {} of memory, CRIU {}, ferry {}", machine.kernel,
                     machine.cores, base::format_bytes(machine.memory_bytes), criu, ferry);
}

nlohmann::ordered_json to_json(const Machine& all) {
  return {{"date", all.machine.date},
          {"kernel", all.machine.kernel},
          {"architecture", all.machine.architecture},
          {"processor", all.machine.processor},
          {"cores", all.machine.cores},
          {"memory_bytes", all.machine.memory_bytes},
          {"criu", all.criu},
          {"ferry", all.ferry}};
}

std::vector<report::Host> facts_of(const Hosts& hosts) {
  std::vector<report::Host> all;
  for (const auto& name : {hosts.roles().source, hosts.roles().target, hosts.roles().client}) {
    const auto line_of = [&](const base::Argv& argv) {
      const std::string out = hosts.run(name, argv).out;
      return out.substr(0, out.find('\n'));
    };
    report::Host host{name, {{"kernel", line_of({"uname", "-sr"})}}};
    if (name != hosts.roles().client) {
      base::Argv criu = hosts.criu();
      criu.emplace_back("--version");
      host.facts.emplace_back("CRIU", without("Version: ", line_of(criu)));
      host.facts.emplace_back("ferry", without("ferry ", line_of({"ferry", "--version"})));
    }
    std::erase_if(host.facts, [](const auto& fact) { return fact.second.empty(); });
    all.push_back(std::move(host));
  }
  return all;
}

uint64_t available_memory(const std::string& meminfo) {
  std::istringstream lines(meminfo);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("MemAvailable:")) return std::stoull(line.substr(13)) * 1024;
  }
  return 0;
}

}  // namespace ferry::bench
