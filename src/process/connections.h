// SPDX-License-Identifier: Apache-2.0
//
// Open TCP connections of a tree of tasks to elsewhere.
#pragma once

#include <string>
#include <vector>

#include "process/view.h"

namespace ferry::process {

// Connected, held by a task of the view, and not within the host or container itself (loopback).
int count_connections(const View& view);

// Inodes of such sockets in the text of a /proc/PID/net/tcp or tcp6 (proc_net_tcp.rst).
std::vector<ino_t> connected_inodes(const std::string& table);

}  // namespace ferry::process
