// SPDX-License-Identifier: Apache-2.0
//
// A workload behind address translation has another address of its own on each host; its clients
// know it by that of a host. Before it is restored its sockets are given the one that it has there.
#pragma once

#include "base/fd.h"
#include "kernel/netlink.h"

namespace ferry::criu {

// In the images of a dump: sockets of `from`, also as IPv6 has it (::ffff:10.0.0.1), become sockets
// of `to`; and so do connections to it, whose other end is one of those. Both are IPv4. How many changed. Throws
// Error when an image cannot be read.
int change_socket_addresses(const base::Path& images, const kernel::IpAddr& from, const kernel::IpAddr& to);

}  // namespace ferry::criu
