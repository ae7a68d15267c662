// SPDX-License-Identifier: Apache-2.0
//
// The daemon's side of CRIU's lazy-pages.socket (criu/uffd.c, CRIU 3.15 to 4.2). One connection for
// the whole restore, over which each restored task sends its own: an int with its pid as the
// workload sees it, then a byte that carries its userfaultfd; a zombie sends its negative pid and
// nothing else. After the post-restore gate CRIU sends 0x52535446, "restore finished", and closes.
// Nothing is ever answered.
#pragma once

#include "base/fd.h"
#include "memory/arrivals.h"

namespace ferry::criu {

// Must exist before the restore begins; CRIU connects to it relative to its work directory.
base::Fd listen_lazy_pages(const base::Path& work_directory);

class LazyPagesSocket : public memory::Arrivals {
 public:
  // The listener stays the caller's, as do the descriptors that arrive.
  LazyPagesSocket(int listener, memory::Keepsake& keepsake);

  std::vector<int> descriptors() const override;
  std::optional<memory::Arrival> next() override;
  void taken() override;
  bool finished() const override;

 private:
  struct Received;  // in the keepsake
  void find_lost_connection();
  bool receive_pid();
  bool receive_byte();
  std::optional<memory::Arrival> as_arrival() const;
  void finish();

  int listener_;
  Received& received_;
};

}  // namespace ferry::criu
