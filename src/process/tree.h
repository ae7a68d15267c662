// SPDX-License-Identifier: Apache-2.0
//
// The tasks of a workload: a root process and everything below it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernel/freezer.h"
#include "kernel/procfs.h"

namespace ferry::process {

struct Tree {
  pid_t root = 0;
  std::vector<pid_t> pids;  // the root first, then below; in our pid namespace
};

// Throws Error (refused) when there is no such process.
Tree read_tree(pid_t root);

uint64_t memory_bytes(const Tree& tree);
uint64_t anonymous_bytes(const Tree& tree);  // of it, private and without a file, or written to a private mapping of one
// All thread ids as the innermost pid namespace sees them, sorted: what must be free where it is restored.
std::vector<pid_t> inner_tids(const Tree& tree);
// A pid above which the next pids do not meet any of `taken`: where CRIU's own helpers may live meanwhile.
pid_t pid_gap(const std::vector<pid_t>& taken);

// Regular files that some task holds open for writing or has mapped so, and FIFOs, by path, each once; deleted ones are not among
// them. What is only in flight in a socket's queue is not seen here (criu/written_files.h).
std::vector<std::string> written_files(const Tree& tree);

// Moves all tasks into the freezer until no new one appears (a fork meanwhile lands in either cgroup).
void gather(pid_t root, const kernel::Freezer& freezer);

}  // namespace ferry::process
