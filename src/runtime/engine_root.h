// SPDX-License-Identifier: Apache-2.0
//
// The state directory of an OCI runtime, in which it keeps what it knows of its containers (--root
// of runc and crun): people have others than the usual one.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/subprocess.h"
#include "process/reason.h"

namespace ferry::runtime {

// What is called for containers that are known in `root`; empty: where the runtime usually has
// them.
base::Argv runtime_at(const std::string& runtime, const std::string& root);

// Why `engine` cannot be told to keep its containers in `root`, by the words alone; empty: it can.
process::Reasons engine_root_reasons(const std::string& engine, const std::string& root);
// The same where one is to arrive, as the source says it. An empty one is the usual one.
process::Reasons arrival_root_reasons(const std::string& engine, const std::string& root);

// State directories of this host (those right below /run) but `root`, in which a container of
// `engine` is known by that id. Empty: the usual one.
std::vector<std::string> roots_that_know(const std::string& engine, const std::string& id,
                                         const std::string& root);

}  // namespace ferry::runtime
