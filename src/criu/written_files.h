// SPDX-License-Identifier: Apache-2.0
//
// The files that a dump expects at the target and that travel along, from its images: also those that are only mapped, or only in
// flight in the queue of a unix socket, which /proc does not show as open.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"

namespace ferry::criu {

enum class WrittenBy {
  kAnyMeans,  // a descriptor or a mapping; and FIFOs
  kMapping,   // their times do not tell
};
// Regular files, without those whose name is gone (they are in the images), sorted, each once. Throws Error.
std::vector<std::string> written_files(const base::Path& images, WrittenBy means);

}  // namespace ferry::criu
