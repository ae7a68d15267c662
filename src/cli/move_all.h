// SPDX-License-Identifier: Apache-2.0
//
// `ferry move --all`: a host is drained. What runs there is found and checked, and moves one after
// another.
#pragma once

#include <string>

#include "base/error.h"
#include "cli/interrupt.h"
#include "migration/source.h"

namespace ferry::cli {

struct MoveAllRequest {
  migration::MoveOptions options;  // of each; but for `what`, which is found
  std::string engine;              // its containers alone; empty: everything that ferry knows here
  bool keep_going = false;         // those that cannot move, or do not, stay; the others go
  bool dry_run = false;            // only the check
  bool json = false, quiet = false;
};

// The engine in the "docker:" of a command line. Throws Error (usage) when it names none.
std::string parse_engine(const std::string& what);

// Throws Error as long as nothing has moved. kDone: all of them moved; else as the first of them
// did not.
base::Exit move_all(const MoveAllRequest& request, const Interrupt& interrupt);

}  // namespace ferry::cli
