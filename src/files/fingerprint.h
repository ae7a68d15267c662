// SPDX-License-Identifier: Apache-2.0
//
// Is this file the same on the other host? Told by its size and its build-id, which is in the first pages of an ELF file; by a
// sample of its content when it has none. Reads at most 384 KiB of any file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/fd.h"

namespace ferry::files {

struct Fingerprint {
  uint64_t size = 0;
  std::string build_id;      // hex; empty: none
  uint64_t sample_hash = 0;  // xxh3 of the beginning, the end, and pieces between; 0 when there is a build-id
  bool operator==(const Fingerprint&) const = default;
};

// Nothing when it cannot be opened or is no regular file.
std::optional<Fingerprint> fingerprint_of(const base::Path& path);

// The GNU build-id of a 64-bit ELF file.
std::optional<std::string> build_id_of(int fd);

}  // namespace ferry::files
