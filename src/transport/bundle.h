// SPDX-License-Identifier: Apache-2.0
//
// What a target without ferry gets: the program, the library it preloads into CRIU, and its CRIU.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"

namespace ferry::transport {

struct Bundle {
  base::Path directory;
  std::vector<std::string>
      members;         // names in `directory`: "ferry", and where they exist the other two
  uint64_t bytes = 0;  // content of all files
  std::string id;      // 32 hex digits, of names, modes and contents: equal builds are one copy
};

// `directory` empty: where our own program is. Throws Error when there is no `ferry` in it.
Bundle find_bundle(const base::Path& directory);
// The members as a tar archive. Throws Error.
std::string pack_bundle(const Bundle& bundle);

}  // namespace ferry::transport
