// SPDX-License-Identifier: Apache-2.0
//
// Servers that people run, as workloads. Their programs are the host's own (a lab's layer has
// them).
#pragma once

#include "bench/workload.h"

namespace ferry::bench {

std::unique_ptr<Workload> make_nginx(const WorkloadSpec& spec, const Hosts& hosts);
std::unique_ptr<Workload> make_redis(const WorkloadSpec& spec, const Hosts& hosts);
std::unique_ptr<Workload> make_postgres(const WorkloadSpec& spec, const Hosts& hosts);

// Throws Error (refused) that names the package when the host has no such program.
void require_program(const Hosts& hosts, const std::string& host, const std::string& program,
                     const std::string& package);

}  // namespace ferry::bench
