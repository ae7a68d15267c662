// SPDX-License-Identifier: Apache-2.0
//
// What is done in one way with a veth in a bridge and in another with a macvlan: making a
// workload's link, its gate, where its frames wait, and its end.
#pragma once

#include <functional>
#include <memory>

#include "handover/diversion.h"
#include "handover/gate.h"
#include "handover/identity.h"

namespace ferry::handover {

// The link of this host that is to be a macvlan's parent here: of that name, if it can be one, else
// the one that has an address in a network of the identity. Throws Error (refused) when there is
// none.
std::string find_parent(const kernel::Netlink& host, const std::string& same_name,
                        const Identity& identity);

// Makes the link into the network namespace, with addresses and routes; the gate is shut. Throws
// SysError.
void make_link(int netns, const Attachment& attachment, const Identity& identity);
// Nothing answers there any more. `netns`: the workload's network namespace, none: it has gone.
// Throws SysError.
void remove_link(const Attachment& attachment, const Identity& identity, const base::Fd& netns);

// `netns`: opens the workload's network namespace, when it is first needed.
std::unique_ptr<Gate> gate_of(const Attachment& attachment, const Identity& identity,
                              std::function<base::Fd()> netns);

// Why its frames cannot wait; empty when they can.
std::string why_no_diversion(const Attachment& attachment);
// `arrives_in`: at the target, the workload's network namespace, whose gate it may open in its own
// way (opens_gate()); else none. Throws SysError.
std::unique_ptr<Diversion> diversion_of(const Attachment& attachment, const Identity& identity,
                                        const base::Fd& arrives_in);

}  // namespace ferry::handover
