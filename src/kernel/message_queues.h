// SPDX-License-Identifier: Apache-2.0
//
// The POSIX message queues of an ipc namespace, by name (mq_overview(7)): they live on whether anyone has them open or not.
#pragma once

#include <string>
#include <vector>

namespace ferry::kernel {

// Of the namespace that `ipc_fd` is (as of open_namespace(pid, "ipc")). Throws SysError.
std::vector<std::string> message_queues(int ipc_fd);

}  // namespace ferry::kernel
