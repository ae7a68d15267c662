// SPDX-License-Identifier: Apache-2.0
//
// Network namespaces that have a name, as ip-netns(8) makes them: a file over which the namespace
// is mounted, so that it is there without any process in it.
#pragma once

#include "base/fd.h"

namespace ferry::kernel {

// Of nobody yet; it ends with the last descriptor, process or name. Throws SysError.
base::Fd make_network();
// At a path at which nothing is. Throws SysError.
void name_network(int netns, const base::Path& path);
// Gone already is fine. Throws SysError.
void forget_network(const base::Path& path);
bool is_network(const base::Path& path);

}  // namespace ferry::kernel
