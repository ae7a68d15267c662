// SPDX-License-Identifier: Apache-2.0
//
// Which compression pays, by measurement: a link that takes R bytes a second moves R × ratio of memory with a
// compression that shrinks by `ratio`, but never more than the compressor's own speed over all lanes. Decided once per
// round, from what the round before measured; each candidate is tried again on a few batches of every round, since
// memory changes its kind.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>

#include "memory/codec.h"

namespace ferry::memory {

class CodecChooser {
 public:
  // `lanes`: how many threads compress at the same time.
  explicit CodecChooser(unsigned lanes) : lanes_(lanes) {}

  // For the next batch: mostly the best one, now and then a sample of another. Any thread.
  Compression next();
  // What one batch cost: CPU seconds of the encoding alone. Any thread.
  void measured(Compression compression, uint64_t raw_bytes, uint64_t wire_bytes, double seconds);
  // Bytes per second that the link took on the wire while it was the bottleneck. Any thread.
  void link_rate(double bytes_per_second);
  Compression best() const;

 private:
  struct Seen {
    double raw = 0, wire = 0, seconds = 0;
  };
  Compression best_locked() const;
  mutable std::mutex mutex_;
  unsigned lanes_;
  double link_rate_ = 0;
  uint64_t batches_ = 0;
  std::array<Seen, 3> seen_{};
};

}  // namespace ferry::memory
