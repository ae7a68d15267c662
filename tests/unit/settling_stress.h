// SPDX-License-Identifier: Apache-2.0
//
// A workload that does to its memory, while it is being filled, whatever a program can do, at
// random from a seed, and knows at each moment what every page of it must hold.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "settling_workload.h"

namespace ferry::memory::testing {

class Stress {
 public:
  // In the workload, over all of its memory.
  Stress(const Inside& in, uint64_t seed);
  void step();       // one thing at random
  void check_all();  // every page

 private:
  static constexpr uint64_t kChunkPages = 48;  // no multiple of what the filler works in
  struct Chunk {
    uint64_t at = 0;  // 0: unmapped
    std::vector<uint64_t>
        origins;  // what each page holds: the page made for that address; 0: zeros
  };
  void check(const Chunk& chunk, size_t page) const;
  void write(Chunk& chunk, size_t page);
  void drop(Chunk& chunk);
  void move(Chunk& chunk);
  void shrink(Chunk& chunk);
  void fork_both_write();
  void run_program();

  const Inside& in_;
  std::mt19937_64 random_;
  std::vector<Chunk> chunks_;
  uint64_t next_home_ = kFar, next_content_ = 1;
};

}  // namespace ferry::memory::testing
