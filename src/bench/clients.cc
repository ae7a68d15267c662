// SPDX-License-Identifier: Apache-2.0
#include "bench/clients.h"

#include <algorithm>

#include "base/error.h"

namespace ferry::bench {

namespace {

LoadSpec idle_spec(int connections) {
  LoadSpec spec;
  spec.connections = connections;
  spec.rate = std::max(1.0, connections / kIdlePeriodS);  // free connections take turns (load/engine.h)
  return spec;
}

}  // namespace

Clients::Clients(const Hosts& hosts, const LoadTarget& target, const LoadSpec& spec) : load_(hosts, target, spec) {
  if (spec.idle > 0) {
    if (target.counter || target.tool != LoadTarget::Tool::kLoadTest) {
      base::refuse("cannot hold idle connections beside the load",
                   "a counter's numbers are checked by one client, and pgbench has no connections to spare",
                   "use a workload whose answers are not counted, such as nginx");
    }
    idle_.emplace(hosts, target, idle_spec(spec.idle));
  }
  if (spec.ping.count() > 0) ping_.emplace(hosts, spec.ping);
  if (spec.capture) capture_.emplace(hosts);
}

ClientRecords Clients::finish() {
  ClientRecords records;
  const auto attempt = [&records](const auto& end) {
    try {
      end();
    } catch (const base::Error& failure) {
      if (failure.exit() == base::Exit::kCancelled) throw;
      records.failures.emplace_back(failure.what());
    }
  };
  attempt([&] { records.load = load_.finish(); });
  if (idle_) attempt([&] { records.idle = idle_->finish(); });
  if (ping_) attempt([&] { records.replies_ns = ping_->finish(); });
  if (capture_) attempt([&] { records.segments = capture_->finish(); });
  return records;
}

}  // namespace ferry::bench
