// SPDX-License-Identifier: Apache-2.0
#include "memory/coverage.h"

#include "memory/store.h"
#include "memory/vma.h"

namespace ferry::memory {

std::optional<Registered> try_registered_of(pid_t host_pid) {
  const auto vmas = try_read_smaps(host_pid);
  if (!vmas) return std::nullopt;
  Registered registered;
  for (const Vma& vma : *vmas) {
    if (!vma.has_flag("um")) continue;
    registered.missing.insert(vma.range);
    if (vma.has_flag("dc") || vma.has_flag("wf")) registered.unshared.push_back(vma.range);
  }
  return registered;
}

std::optional<uint64_t> find_uncovered(const Backing& backing, const PageSet& registered) {
  // One look per gap between registered ranges, not one per stored range.
  const auto look = [&](AddressRange gap) -> std::optional<uint64_t> {
    if (gap.start >= gap.end) return std::nullopt;
    auto piece = backing.look(gap);
    if (piece.kind == Backing::Kind::kAbsent && piece.range.end < gap.end) {
      piece = backing.look({piece.range.end, gap.end});
    }
    if (piece.kind == Backing::Kind::kAbsent) return std::nullopt;
    return piece.range.start;
  };
  uint64_t at = 0;
  for (const AddressRange& range : registered) {
    if (const auto found = look({at, range.start})) return found;
    at = range.end;
  }
  return look({at, kSpaceEnd});
}

}  // namespace ferry::memory
