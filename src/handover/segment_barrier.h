// SPDX-License-Identifier: Apache-2.0
//
// On a bridge that leads out of this host, what keeps quiet a link that an engine makes for an
// address while that one is still at work on another host: of the ports that bridges have by now,
// any may go on sending with its MAC, since the original's frames come in by them; what a newer
// port says with it is dropped before its bridge learns that it is there. Such a link may hear, and
// answer to nobody.
//
// A table of nf_tables (family bridge) that lasts until it is opened: whatever ends this process.
#pragma once

#include <string>

#include "kernel/netlink.h"

namespace ferry::handover {

class SegmentBarrier {
 public:
  // `name`: of the table, one for each move.
  explicit SegmentBarrier(std::string name) : name_(std::move(name)) {}
  // Throws Error: this kernel takes none, or there is no such bridge.
  void shut(const std::string& bridge, const kernel::MacAddr& mac) const;
  void open() const;  // Throws SysError. Open already is fine.

 private:
  std::string name_;
};

}  // namespace ferry::handover
