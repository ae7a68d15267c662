// SPDX-License-Identifier: Apache-2.0
//
// `ferry bench demo`: a web service moves from one host to another and back while a client uses it.
#pragma once

#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace ferry::bench {

struct DemoOptions {
  std::vector<base::Path> layers;  // empty: the one beside ferry
  base::Path program;              // empty: found
  base::Path output = "demo.json";
  int wake_fd = -1;
};

// Progress goes to stderr, the result to stdout. kFailed when a move failed or the state is not
// intact; throws Error when the experiment could not be made.
base::Exit demo(const DemoOptions& options);

}  // namespace ferry::bench
