// SPDX-License-Identifier: Apache-2.0
//
// The flags of a task's memory areas, as the lines VmFlags of /proc/PID/smaps have them, without its counters: for those that file walks all
// page tables, 15 ms per GiB. An iterator of BPF over the areas of one process reads them where the kernel has them, in some microseconds
// (Linux 6.1, bpf/task_iter.c: task_vma; with CONFIG_DEBUG_INFO_BTF). The program in the kernel copies three numbers of each area and does nothing else.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "kernel/userfaultfd.h"

namespace ferry::kernel {

struct VmaFlags {
  AddressRange range;
  std::string flags;  // "gd lo ", as smaps spells them; of gd lo nr ht sr rr dc dd mg hg nh wf io pf
};

class VmaFlagsReader {
 public:
  // Nothing: not with this kernel, or not by us; `why` says more. What it says is compared with the smaps of a child that has areas with most of
  // those flags. Takes some 20 ms.
  static std::optional<VmaFlagsReader> try_open(std::string* why = nullptr);

  // All areas of a process, ascending, but for [vsyscall]. Nothing: it has gone, or some area has a flag whose meaning is not known here.
  std::optional<std::vector<VmaFlags>> try_read(pid_t pid) const;

 private:
  struct Raw {
    uint64_t start, end, flags;
  };
  explicit VmaFlagsReader(base::Fd program) : program_(std::move(program)) {}
  std::vector<Raw> read_raw(pid_t pid) const;  // empty: it has gone
  std::string learn_from(pid_t child);         // why it cannot be used; empty: it can

  base::Fd program_;
  uint64_t known_ = 0;  // bits that have a name, or none that matters
};

}  // namespace ferry::kernel
