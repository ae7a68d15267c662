// SPDX-License-Identifier: Apache-2.0
//
// While the source still dumps, this host has nothing to do, and all of the memory has come: pages are put into the reserve of the
// CRIU that waits here (memory/reserve_table.h), those that were written last first.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "criu/reserve.h"
#include "memory/store.h"

namespace ferry::migration {

// An area of the workload, as it was frozen.
struct ReservedArea {
  memory::AddressRange range;
  memory::ReserveKind kind = memory::kAccounted;
};

class ReserveFiller {
 public:
  // Begins once `all_has_come`, on a thread of its own; until stop(). The store is not changed meanwhile, but by what is to come before.
  ReserveFiller(criu::Reserve& reserve, memory::Store& store, int32_t pid, std::vector<ReservedArea> areas,
                std::function<bool()> all_has_come);
  ~ReserveFiller() { stop(); }
  ReserveFiller(const ReserveFiller&) = delete;

  // CRIU is about to be asked: what is in the reserve is told to it, and to the store.
  void publish();

 private:
  struct Placed {
    memory::AddressRange range;
    uint64_t at = 0;
    std::vector<bool> done;  // by page; empty: none of it
  };
  void run();
  void lay_out();
  void put(memory::AddressRange wanted);
  bool put_pages(Placed& area, memory::AddressRange positions);
  bool put_run(Placed& area, memory::AddressRange run, const std::byte* pages);
  void stop();

  criu::Reserve& reserve_;
  memory::Store& store_;
  const int32_t pid_;
  const std::function<bool()> all_has_come_;
  const std::vector<ReservedArea> wanted_;
  std::vector<Placed> areas_;
  std::vector<std::byte> buffer_;
  std::optional<memory::StoredSpace> space_;
  uint64_t left_;
  std::atomic<bool> stops_ = false;
  std::thread thread_;
};

}  // namespace ferry::migration
