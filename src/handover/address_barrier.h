// SPDX-License-Identifier: Apache-2.0
//
// What keeps packets from a service address: an nftables table at ingress of its interface, before
// the kernel's own IP, ARP and neighbour discovery. What comes for the address, and who asks for
// it, is dropped or led to a link (a TAP) where it waits. What this host itself sends to the
// address goes over lo, and is dropped there. At the host that the workload arrives on, what is
// sent from the address is treated in the same way.
#pragma once

#include <optional>
#include <span>

#include "handover/gate.h"
#include "handover/host_address.h"
#include "handover/ingress_tap.h"
#include "handover/link_socket.h"
#include "kernel/nftables.h"

namespace ferry::handover {

// Why this kernel could not keep packets from that address; empty: it can. Of IPv6 it must be able
// to hold what is sent from it, too (Linux 5.16).
std::string why_no_barrier(const kernel::IpAddr& address);
// Of the host that it leaves: only of IPv6 is anything asked of the kernel.
std::string why_no_gate(const kernel::IpAddr& address);
std::string table_of(const HostAddress& here);
std::vector<kernel::LinkChain> barrier_chains(const HostAddress& here,
                                              const std::optional<WaitingPlace>& waiting);
bool is_from(const HostAddress& here, std::span<const std::byte> frame);
bool is_to(const HostAddress& here, std::span<const std::byte> frame);
// An ARP question, or a neighbour solicitation.
bool asks_for(const HostAddress& here, std::span<const std::byte> frame);

// Of the host that the workload runs on: open while the address is on its interface. The kernel
// then neither takes packets for it nor answers who has it, and sends none from it: no reset, and
// no end of what dies here. Of IPv6 it would go on sending, a frozen socket's late acknowledgement
// with a timestamp that is ahead of its successor's, say, whose packets the peer then drops
// (RFC 7323, PAWS): a lasting table drops that, until open() or unmute().
class HostAddressGate : public Gate {
 public:
  explicit HostAddressGate(HostAddress here) : here_(std::move(here)) {}
  void shut() override;
  void open() override;
  void announce() override { handover::announce(here_); }

 private:
  HostAddress here_;
};
// For a host that the workload has left, when nothing of it is alive there any more. Throws
// SysError.
void unmute(const HostAddress& here);

// At the host that the workload arrives on: shut before the address is put on its interface, opened
// when the workload may run. The table outlives this process: a host whose ferry has gone must not
// answer for an address that may be in use elsewhere.
class AddressBarrier : public Gate {
 public:
  explicit AddressBarrier(HostAddress here) : here_(std::move(here)) {}
  void shut() override { shut(std::nullopt); }
  void shut(const std::optional<WaitingPlace>& waiting);
  void open() override;
  void announce() override;

 private:
  HostAddress here_;
  std::optional<LinkSocket> segment_;  // kept: its end is not for a pause
};

}  // namespace ferry::handover
