// SPDX-License-Identifier: Apache-2.0
//
// How the filler learns of restored address spaces: from CRIU's lazy-pages socket
// (criu/lazy_pages_socket.h).
//
// The filler may be killed between any two instructions, and another goes on with the same
// descriptors. Therefore what has been received, but not yet been taken over, is kept in shared
// memory (`Keepsake`), and next() says the same again until taken().
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace ferry::memory {

struct Arrival {
  int32_t pid = 0;     // in the workload's pid namespace
  pid_t host_pid = 0;  // in ours; 0: not known
  int uffd = -1;       // open in this process; registered ranges come later
};

struct Keepsake {
  alignas(8) std::array<std::byte, 256> bytes{};  // zeros at first
};

class Arrivals {
 public:
  virtual ~Arrivals() = default;
  // Readable when next() has something new to say.
  virtual std::vector<int> descriptors() const = 0;
  // Does not block. The same one until taken() was called.
  virtual std::optional<Arrival> next() = 0;
  virtual void taken() = 0;
  // No more will come: the restore is finished, or has failed.
  virtual bool finished() const = 0;
};

}  // namespace ferry::memory
