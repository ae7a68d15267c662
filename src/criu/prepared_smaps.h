// SPDX-License-Identifier: Apache-2.0
//
// A /proc/PID/smaps made for CRIU. Of that file CRIU wants the lines of /proc/PID/maps and some of
// the VmFlags (criu/proc_parse.c: parse_smaps); the kernel walks every page table for the rest, 15
// ms per GiB, while the tasks are frozen. So the flags are read before the freeze, and put beside
// the lines of maps as they are at the freeze, which cost nothing.
//
// Where the kernel tells the flags of a frozen task by themselves (kernel/vma_flags.h) they are put there
// instead, and are true. Else: flags can change without a trace in maps (mlock, MADV_DONTFORK): the kernel's own smaps must be
// read after the freeze, beside the dump, and compared before the move is committed. Functions of
// text only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "criu/hidden_memory_format.h"
#include "kernel/vma_flags.h"

namespace ferry::criu {

// Nothing when the flags of some area are not known: it is new, or lies where areas with other
// flags were, or the early text is not one of a moment. That the kernel has split or merged areas,
// or that one has grown, does not matter: an area has one set of flags.
std::optional<std::string> prepare_smaps(const std::string& early_smaps,
                                         const std::string& maps_at_freeze);

// The same of flags that were read at the freeze, too. Nothing when an area of maps is not among them.
std::optional<std::string> smaps_with_flags(const std::string& maps_at_freeze,
                                            const std::vector<kernel::VmaFlags>& flags);

// Whether CRIU would read the same from both. Where areas that differ in nothing else are cut (a
// userfaultfd does that) is the same.
bool same_for_criu(const std::string& prepared, const std::string& real_smaps);

// What a CRIU that reads this smaps (either of the two) restores on demand: exactly that must be
// hidden from its dump, and be supplied later. Private anonymous memory that is not locked nor of
// huge pages (criu/include/vma.h: vma_entry_can_be_lazy). Nothing when the task has a shadow stack:
// CRIU would count that in, and restore it without its content.
std::optional<std::vector<hidden::Range>> ranges_on_demand(const std::string& smaps);

}  // namespace ferry::criu
