// SPDX-License-Identifier: Apache-2.0
//
// What IP does of itself on a link (Documentation/networking/ip-sysctl.rst), in the calling thread's network namespace. Where the
// kernel has no IPv6 there is nothing of it to set.
#pragma once

#include <string>

namespace ferry::kernel {

// For a link that only carries frames: else it has an address of its own, and says so, as soon as it is up.
void disable_ipv6(const std::string& link);

// Before the link is up. Only what is given by hand: no addresses and routes by the segment's routers. And at once: a link-local address
// would be looked for on the segment for a second or two (duplicate address detection), and nothing can be bound to it meanwhile.
void make_ipv6_static(const std::string& link);

// What comes in on this link is for this host (IPv4) or for nobody. A bridge's port has no such setting of its own: the bridge's counts.
void stop_routing_from(const std::string& link);

}  // namespace ferry::kernel
