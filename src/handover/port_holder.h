// SPDX-License-Identifier: Apache-2.0
//
// Holds ports of this host, so that nobody else publishes what is led elsewhere: an engine that
// tries hears "address already in use". Nothing listens: what comes past the relay is refused as
// before.
#pragma once

#include <optional>
#include <vector>

#include "base/fd.h"
#include "handover/relay.h"

namespace ferry::handover {

class PortHolder {
 public:
  explicit PortHolder(const std::vector<PublishedPort>& ports);
  // Those that somebody else has had so far, docker's proxy perhaps. True: all are held.
  bool try_hold();
  void release();

 private:
  struct Held {
    PublishedPort port;
    base::Fd socket;  // empty: not yet
  };
  std::vector<Held> ports_;
};

}  // namespace ferry::handover
