// SPDX-License-Identifier: Apache-2.0
//
// The engine's end of a Session whose CRIU an engine has started (engine_call.h): it is told what CRIU says, when ferry lets it
// pass, and its answers go on to CRIU as they are.
#pragma once

#include "base/clock.h"
#include "base/fd_message.h"
#include "criu/rpc.pb.h"
#include "kernel/procfs.h"

namespace ferry::criu {

class EngineSide {
 public:
  // `socket`: what the engine gave to its `criu`; its request is there to be read. `untold`: the notification that it does not hear of.
  EngineSide(base::Fd socket, kernel::ProcessId criu, std::string untold);
  // CRIU ends with it.
  ~EngineSide();
  EngineSide(const EngineSide&) = delete;
  EngineSide& operator=(const EngineSide&) = delete;

  const kernel::ProcessId& criu() const { return criu_; }
  // What the engine has asked for, with what ferry decides: places, logs, network, gates. Everything said by both is ferry's.
  criu_req with(const criu_req& ours);
  // Into which it wants CRIU to put what is restored, in each hierarchy: a path below their roots. Empty: it says none, and
  // has put CRIU itself where the tasks are to be.
  std::string cgroup() const;
  // From with() on, what comes from CRIU is the engine's as well.
  bool is_asked() const { return asked_; }

  void keep(base::FdMessage notification, std::string point) {
    notification_ = std::move(notification);
    point_ = std::move(point);
  }
  // Shows it the last notification; returns its answer, for CRIU. Nothing: it has gone.
  std::string ask();
  void tell(std::string_view response) noexcept;  // the end
  void hang_up() { socket_.reset(); }

 private:
  base::Fd socket_;
  kernel::ProcessId criu_;
  std::string untold_;
  criu_req request_;
  bool asked_ = false;
  base::FdMessage notification_;
  std::string point_;  // of it
};

}  // namespace ferry::criu
