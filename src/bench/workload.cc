// SPDX-License-Identifier: Apache-2.0
#include "bench/workload.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "bench/programs.h"
#include "bench/servers.h"
#include "bench/web_counter.h"

namespace ferry::bench {

namespace {

using Maker = std::unique_ptr<Workload> (*)(const WorkloadSpec&, const Hosts&);

struct Known {
  WorkloadKind kind;
  Maker make;
};

const std::vector<Known>& known() {
  static const std::vector<Known> all = {
      {{"looper", false, false, false}, make_looper},
      {{"compute", false, false, false}, make_compute},
      {{"web_counter", false, false, true}, make_web_counter},
      {{"memory_writer", true, true, true}, make_memory_writer},
      {{"nginx", false, false, true}, make_nginx},
      {{"redis", true, false, true}, make_redis},
      {{"postgres", true, false, true}, make_postgres},
  };
  return all;
}

}  // namespace

const std::vector<WorkloadKind>& workload_kinds() {
  static const std::vector<WorkloadKind> kinds = [] {
    std::vector<WorkloadKind> all;
    for (const Known& each : known()) all.push_back(each.kind);
    return all;
  }();
  return kinds;
}

const WorkloadKind* find_kind(std::string_view name) {
  const auto found = std::ranges::find(workload_kinds(), name, &WorkloadKind::name);
  return found == workload_kinds().end() ? nullptr : &*found;
}

std::unique_ptr<Workload> make_workload(const WorkloadSpec& spec, const Hosts& hosts) {
  for (const Known& each : known()) {
    if (each.kind.name == spec.kind) return each.make(spec, hosts);
  }
  base::refuse(fmt::format("there is no workload \"{}\"", spec.kind), "");
}

base::Path find_program(std::string_view file) {
  const base::Path own = own_directory();
  const base::Path in_tree = own.parent_path() / "tests/programs";
  for (const base::Path& directory : {own, own / "programs", in_tree}) {
    if (std::filesystem::exists(directory / file)) return directory / file;
  }
  base::refuse(fmt::format("cannot start {}", file),
               fmt::format("it is neither in {} nor in {}", own.string(), in_tree.string()),
               "it is built with: make all");
}

void install_program(const Hosts& hosts, const std::string& host, const base::Path& program) {
  const base::Path there = kInHost / program.filename();
  const std::string content = base::read_file(program);
  const auto size = hosts.run(host, {"stat", "-c", "%s", there.string()}).out;
  if (size == std::to_string(content.size()) + "\n") return;
  hosts.put_file(host, there, content);
  hosts.check(host, {"chmod", "755", there.string()});
}

}  // namespace ferry::bench
