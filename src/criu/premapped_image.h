// SPDX-License-Identifier: Apache-2.0
//
// At the target, before a restore on demand.
#pragma once

#include "base/fd.h"

namespace ferry::criu {

// Each private anonymous area is given its own address as its offset. CRIU hands that to mmap(2), where it has no meaning for such
// memory, so the library in CRIU knows which area is being made (premapped_place.h). Not in a tree of more tasks than the filler would
// fill so early. Throws Error when an image cannot be read.
void name_premapped_areas(const base::Path& images);

}  // namespace ferry::criu
