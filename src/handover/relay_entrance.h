// SPDX-License-Identifier: Apache-2.0
//
// The source's end of a relay: what comes to this host for the published ports is led to TAPs, one
// for each interface, by a table of nftables (family netdev), before the host's own IP, firewall
// and docker's DNAT see it. There it waits, until it is relayed (relay_process.h) or given back.
//
// The interfaces are those with an IPv4 address and a MAC, but for lo, for ports of bridges, and
// for the bridge that the workload itself is on. Those that come later are not looked at.
//
// Nothing of this outlives the process, or the processes that it is shared with. One thread at a
// time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "handover/ingress_tap.h"
#include "handover/relay.h"
#include "kernel/nftables.h"

namespace ferry::handover {

class RelayEntrance {
 public:
  // In the calling thread's network namespace. `private_bridge`: that the workload's link is a port
  // of; may be empty. Ports of IPv6 are left out. Leads nothing here yet. Throws Error where no
  // packet could come in, SysError where the kernel refuses: before the freeze, thus.
  RelayEntrance(std::string name, std::vector<PublishedPort> ports,
                const std::string& private_bridge);
  RelayEntrance(RelayEntrance&&) = default;
  RelayEntrance& operator=(RelayEntrance&&) = delete;
  ~RelayEntrance();  // gives back

  void stand_by();  // the devices are up
  void begin();     // packets wait here from now on
  // The host has them again: what waited comes in on its interface as it would have, in order. It
  // may begin anew.
  void give_back();

  const std::string& name() const { return name_; }
  const std::vector<PublishedPort>& ports() const { return ports_; }
  uint64_t dropped() const;  // too many waited

  // ---- for the process that serves it ----

  std::vector<IngressTap>& taps() { return taps_; }
  // It is shared with another process: that one has it all, and this one lets go without giving
  // back.
  struct Shared {
    std::vector<int> fds;  // the table's, then those of the TAPs
    std::vector<std::string> links;
  };
  Shared shared() const;
  void let_go();
  RelayEntrance(std::string name, std::vector<PublishedPort> ports, std::vector<base::Fd> fds,
                const std::vector<std::string>& links);

 private:
  std::vector<kernel::LinkChain> make_chains(const kernel::Netlink& host) const;
  void put_empty_table();

  std::string name_, table_;
  std::vector<PublishedPort> ports_;
  std::unique_ptr<kernel::Nftables> tables_;  // empty: let go
  std::vector<IngressTap> taps_;
  std::vector<kernel::LinkChain> chains_;  // made before the freeze
  bool has_begun_ = false, has_given_back_ = false;
};

}  // namespace ferry::handover
