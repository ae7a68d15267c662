// SPDX-License-Identifier: Apache-2.0
//
// The identity of a network namespace that others have made, as a container's is: one veth whose
// other end is a port of a bridge of this host, or one macvlan on a link of this host. Whatever
// else is in it that a move would lose is a reason against the move.
#pragma once

#include <optional>

#include "handover/identity.h"
#include "process/reason.h"

namespace ferry::handover {

struct Attached {
  std::optional<Identity>
      identity;  // nothing: it has no link, or reasons say what is wrong with it
  Attachment attachment;
  process::Reasons reasons;
};

// Of a namespace other than ours. Throws SysError.
Attached find_attached(int netns);

}  // namespace ferry::handover
