// SPDX-License-Identifier: Apache-2.0
//
// The userfaultfds that restored tasks hold themselves. A userfaultfd whose last descriptor is
// closed turns the pages that are still missing into zeros; as long as the task has one of its own,
// the death of every process of ferry only makes it wait. They are there from the restore on
// (held_uffd_preload.cc) until ferry closes them, when the memory is complete.
//
// A child that the task forks inherits the descriptor, which is still that of the parent's memory.
// A program may close it, as daemons close all they have: then the task is as safe as the filler
// and its guardian are.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "criu/held_uffd_place.h"

namespace ferry::criu {

// The descriptors by which that task holds userfaultfds for ferry, ascending; none when it has
// gone.
std::vector<int> held_userfaultfds(pid_t pid);

// For SpawnOptions::environment of a CRIU that restores: tasks hold theirs.
std::string hold_setting();

}  // namespace ferry::criu
