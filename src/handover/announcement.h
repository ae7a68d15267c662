// SPDX-License-Identifier: Apache-2.0
//
// The frame that tells a segment where an identity now is: gratuitous ARP (RFC 5227: sender = target = address), or an unsolicited
// neighbour advertisement to all nodes (RFC 4861, 7.2.6).
#pragma once

#include <string>

#include "handover/identity.h"

namespace ferry::handover {

std::string announcement(const Identity& identity);

}  // namespace ferry::handover
