// SPDX-License-Identifier: Apache-2.0
//
// Taking the memory plane out of CRIU's hands: which ranges of which task CRIU is to find empty in
// a dump.
//
// CRIU is started with hide_setting() in its environment and waits at pre-dump; the file is written
// after the freeze and before the answer. Without it, or with a task that is not in it, the dump
// fails. A task with no ranges is dumped whole.
//
// Hidden must be all that CRIU could restore on demand (prepared_smaps.h: ranges_on_demand), the
// stacks too: a restore on demand leaves such pages out though they are in the images. Whether
// there are any, lazy_entries.h tells after the dump.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/fd.h"
#include "criu/hidden_memory_format.h"

namespace ferry::criu {

struct HiddenTask {
  std::vector<hidden::Range> ranges;  // whole pages, in any order
  // The guard regions (MADV_GUARD_INSTALL) in these ranges. CRIU asks the kernel for those
  // elsewhere.
  std::vector<hidden::Range> guards;
  std::string smaps;  // criu/prepared_smaps.h; empty: CRIU reads the kernel's
};

// Whether what is hidden is just what a CRIU that reads `smaps` would restore on demand. Without a
// text, or where CRIU would fail in any case, there is nothing to compare.
bool agrees_with_smaps(const HiddenTask& task);

// By pid as CRIU sees it; `files`: memory that tasks share. The file is complete or not there. Throws
// SysError.
void write_hidden_memory(const base::Path& path, const std::map<pid_t, HiddenTask>& tasks,
                         const std::vector<hidden::File>& files = {});

// For SpawnOptions::environment of a CRIU that dumps.
std::string hide_setting(const base::Path& path);

}  // namespace ferry::criu
