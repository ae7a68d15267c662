// SPDX-License-Identifier: Apache-2.0
//
// A service address: a second address on an interface of a host, by which clients reach a workload
// of the host's own network. It moves with that workload: taken off the interface here, put on that
// of the same network there. Of IPv4 or IPv6.
#pragma once

#include <optional>
#include <string>

#include "handover/identity.h"
#include "process/reason.h"

namespace ferry::handover {

struct HostAddress {
  std::string link;
  kernel::MacAddr mac;  // of the link: who answers for the address while it is here
  kernel::Address entry;

  const kernel::IpAddr& address() const { return entry.prefix.address; }
  std::string text() const { return entry.prefix.address.text(); }
};

// On an interface of this host, in the calling thread's network namespace. Throws SysError.
std::optional<HostAddress> find_host_address(const kernel::IpAddr& address);
// Where it would stand here: on the interface that has an address in its network; `preferred`, if
// that is one. Nothing: there is none.
std::optional<HostAddress> place_for(const kernel::IpPrefix& prefix, const std::string& preferred);
// Why it cannot be taken off this host without harm to what else it is for.
process::Reasons reasons_to_stay(const HostAddress& here);

// There already, or gone already, is fine. Throws SysError.
void put_on(const HostAddress& here);
void take_off(const HostAddress& here);

// As find_owners() and announcements() take it.
Identity claim_of(const HostAddress& here);
void announce(const HostAddress& here);

}  // namespace ferry::handover
