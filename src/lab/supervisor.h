// SPDX-License-Identifier: Apache-2.0
//
// The process that a lab lives in: parent of the hosts, owner of the switch, the cables and the state file. It has a
// session of its own, and ends the lab when it is told to (SIGTERM) or when its lifeline ends.
#pragma once

#include <optional>

#include "base/fd.h"
#include "base/subprocess.h"
#include "lab/spec.h"

namespace ferry::lab {

// The front's handle of a lab that is up. Closing the lifeline ends the lab, also when the kernel does it because we died.
struct StartedLab {
  base::Child supervisor;
  base::Fd lifeline;          // empty for a lab that stays
  base::Fd supervisor_pidfd;  // readable when the lab has ended
};

// Forks the supervisor and waits until every host is up. `stays`: until `end_lab`; else as long as the lifeline.
// Throws Error when it cannot be; then nothing is left.
StartedLab start_lab(const LabSpec& spec, bool stays);

// Tells the supervisor of lab `name` to end it, and waits until all of it is gone. Throws Error.
void end_lab(const std::string& name);

}  // namespace ferry::lab
