// SPDX-License-Identifier: Apache-2.0
//
// Memory that tasks share, as it comes: each in a memfd of its own. CRIU finds the list of its pages empty and gets the memfd
// itself (criu/shared_memory_place.h), so a restore costs the same however much there is.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "criu/shared_memory_place.h"
#include "migration/wire.pb.h"

namespace ferry::migration {

class SharedArrival {
 public:
  // `kTake`: the workload gets the memfds themselves, which the cgroup of this process is charged with.
  explicit SharedArrival(criu::SharedAnswer how) : how_(how) {}
  SharedArrival(const SharedArrival&) = delete;
  SharedArrival& operator=(const SharedArrival&) = delete;
  ~SharedArrival() { let_go(); }

  // Where the content goes that follows: (offset, bytes) of the file that is returned and stays this object's. What is zero now is
  // done. Throws BrokenProtocol, SysError.
  struct Place {
    uint64_t offset, bytes;
  };
  int begin(const wire::SharedMemory& memory, std::vector<Place>& places);

  // From here on CRIU is answered, which works in this directory.
  void serve(const base::Path& directory);
  // CRIU has restored. Throws Error when it has not asked for one of these: then it is full of zeros there.
  void require_given(const std::vector<uint64_t>& inodes);
  // The workload has it, and nobody asks any more.
  void let_go();

 private:
  struct Memory {
    base::Fd file;
    bool given = false;  // CRIU may have sealed it
  };
  void renew(Memory& memory, const wire::SharedMemory& told);
  void answer_all();
  void answer(int connection);

  criu::SharedAnswer how_;
  std::mutex mutex_;  // of memories_, while answers are given
  std::map<uint64_t, Memory> memories_;
  base::Fd listener_;
  base::FdPair stop_;
  std::thread server_;
};

}  // namespace ferry::migration
