// SPDX-License-Identifier: Apache-2.0
//
// How a process of a relay that serves is spoken to: a Unix socket in the relays' directory, named
// by its pid, root's only. One caller at a time; the next one waits.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <thread>

#include "base/fd.h"

namespace ferry::handover {

class RelayEar {
 public:
  // `hear` does what it is told; what it throws is the answer. `left`: whoever has called has gone.
  RelayEar(std::function<void(const std::string& word)> hear, std::function<void()> left);
  RelayEar(const RelayEar&) = delete;
  ~RelayEar();

 private:
  void listen();
  void serve(int caller);
  bool wait_for(int socket) const;  // false: this is to end

  std::function<void(const std::string&)> hear_;
  std::function<void()> left_;
  base::Fd listener_, end_;
  std::thread thread_;
};

base::Fd call_relay(pid_t pid);  // throws SysError

}  // namespace ferry::handover
