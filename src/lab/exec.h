// SPDX-License-Identifier: Apache-2.0
//
// Running a program in a host of a lab, as if it had been started there.
#pragma once

#include <string>

#include "base/subprocess.h"
#include "lab/state.h"

namespace ferry::lab {

// Enters the host with the calling process (it keeps its pid namespace and its cgroups; a process that does this is
// good for nothing else afterwards), starts the program there with our standard input and outputs, and waits for it.
// Returns its exit code; it dies with us.
int exec_in_host(const LabState& lab, const std::string& host, const base::Argv& argv);

}  // namespace ferry::lab
