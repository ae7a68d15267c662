// SPDX-License-Identifier: Apache-2.0
//
// Unix sockets in CRIU's working directory, to which it connects by their names there.
#pragma once

#include "base/fd.h"

namespace ferry::criu {

// Non-blocking; an earlier one of that name is replaced. One of datagrams is only bound. `prepare` is called before anybody can connect. Throws SysError.
base::Fd listen_in(const base::Path& directory, const char* name, int type, int backlog, void (*prepare)(int socket) = nullptr);

}  // namespace ferry::criu
