// SPDX-License-Identifier: Apache-2.0
#include "bench/service.h"

#include <fmt/format.h>

#include <sstream>

#include "base/error.h"

namespace ferry::bench {

namespace {

constexpr const char* kPython = "/usr/bin/python3";
constexpr const char* kInHost = "/var/lib/ferry-bench";  // each host has a /var of its own

// Tries again for as long as told: right after its start the service does not listen yet.
constexpr const char* kAsk = R"(
import http.client, sys, time
address, port, limit = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
end = time.monotonic() + limit
while True:
    try:
        link = http.client.HTTPConnection(address, port, timeout=limit)
        for page in "/id", "/value", "/clock":
            link.request("GET", page)
            sys.stdout.write(link.getresponse().read().decode())
        break
    except OSError as failure:
        if time.monotonic() > end:
            sys.exit(f"no answer from {address}:{port}: {failure}")
        time.sleep(0.02)
)";
constexpr const char* kAskLimit_s = "10";

}  // namespace

base::Path default_counter_program() {
  const base::Path own = own_directory();
  const base::Path in_tree = own.parent_path() / "tests/programs";
  for (const base::Path& directory : {own, in_tree}) {
    if (std::filesystem::exists(directory / "web_counter.py")) return directory / "web_counter.py";
  }
  base::refuse(
      "cannot start the counter service",
      fmt::format("web_counter.py is neither in {} nor in {}", own.string(), in_tree.string()),
      "say where it is with --program");
}

base::Path installed_program(const Workload& workload) {
  return kInHost / workload.program.filename();
}

ServiceState ServiceState::parse(const std::string& text) {
  ServiceState state;
  std::istringstream in(text);
  int64_t monotonic_ns = 0, boottime_ns = 0, worst_step_ns = 0;
  std::getline(in, state.id);
  in >> state.value >> monotonic_ns >> boottime_ns >> worst_step_ns >> state.clock_went_back;
  if (!in || state.id.empty()) {
    throw base::Error({"cannot understand the service", "it says: " + text, "", {}, {}});
  }
  state.worst_step_ms = static_cast<double>(worst_step_ns) / 1e6;
  return state;
}

std::string Service::url() const {
  return fmt::format("http://{}:{}/next", workload_.address, workload_.port);
}

void Service::start(const std::string& host, const std::string& asking) const {
  const base::Path program = installed_program(workload_);
  hosts_.put_file(host, program, base::read_file(workload_.program));
  hosts_.check(host, {"ferry", "run", "--name", workload_.name, "--ip",
                      fmt::format("{}/{}", workload_.address, workload_.prefix_length), "--",
                      kPython, program.string(), std::to_string(workload_.port)});
  ask(asking);
}

ServiceState Service::ask(const std::string& from_host) const {
  return ServiceState::parse(hosts_.check(
      from_host,
      {kPython, "-c", kAsk, workload_.address, std::to_string(workload_.port), kAskLimit_s}));
}

}  // namespace ferry::bench
