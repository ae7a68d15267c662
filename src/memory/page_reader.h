// SPDX-License-Identifier: Apache-2.0
//
// Reading another task's pages in large batches. The task may run: a page that vanishes meanwhile is left out, the
// next round tells what became of it. Memory that the task itself may not read (PROT_NONE) is read all the same.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "memory/page_set.h"

namespace ferry::memory {

// True when all bytes are zero. `bytes` is a multiple of 64.
bool is_zero(const std::byte* data, size_t bytes);

class PageReader {
 public:
  static std::optional<PageReader> try_open(pid_t pid);  // nothing: it has gone

  // Reads `ranges` (multiples of kPageBytes) one after the other into `into` (as large as all of them). Returns what was
  // read; what is missing there had vanished, and its place in `into` is undefined. After an exec it is the new
  // program's memory that is read: the next scan tells.
  std::vector<AddressRange> read(std::span<const AddressRange> ranges, std::span<std::byte> into);

 private:
  PageReader(pid_t pid, base::Fd memory) : pid_(pid), memory_(std::move(memory)) {}
  // Reads some pages from the start of `range`, or passes over one that has vanished; returns the bytes dealt with.
  uint64_t read_slowly(AddressRange range, std::byte* into, std::vector<AddressRange>& got) const;

  static constexpr uint64_t kSlowBytes = 256 * 1024;
  pid_t pid_;
  base::Fd memory_;  // /proc/PID/mem
};

}  // namespace ferry::memory
