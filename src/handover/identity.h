// SPDX-License-Identifier: Apache-2.0
//
// The network identity of a workload with an address of its own: a network namespace with one link (eth0) whose host
// end is a port of a bridge of the host, so that it stands on the host's network segment. The identity is the MAC and
// the IP; it exists on one host at a time.
//
// The port is the gate: off the bridge, no packet reaches the workload's sockets.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernel/namespaces.h"
#include "kernel/netlink.h"

namespace ferry::handover {

struct Identity {
  kernel::IpPrefix address;
  kernel::MacAddr mac;
  std::optional<kernel::IpAddr> gateway;
};

inline constexpr const char* kInside = "eth0";  // the workload's end of its link

struct KnownNeighbour {
  kernel::IpAddr address;
  kernel::MacAddr mac;
};

// The bridge of this host that has an address in the identity's network. Throws Error (refused) when there is none.
std::string find_bridge(const kernel::Netlink& host, const kernel::IpPrefix& address);

// The host end of a workload's link and its place on the bridge.
class Port {
 public:
  // Makes the link into the network namespace, with address and route; the port is shut.
  static Port create(int netns, const std::string& workload, const Identity& identity);
  // The port of a workload that is already here.
  static Port existing(const std::string& workload, const Identity& identity);

  void open();   // onto the bridge
  void shut();   // off the bridge; the link stays up, so the routes in the namespace stay
  const std::string& link() const { return link_; }
  const std::string& bridge() const { return bridge_; }

 private:
  Port(std::string link, std::string bridge) : link_(std::move(link)), bridge_(std::move(bridge)) {}
  std::string link_, bridge_;
};

std::vector<KnownNeighbour> neighbours_in(int netns);
// Without them the first packet out would wait for an ARP answer (1 s if the question is lost).
void put_neighbours(int netns, const std::vector<KnownNeighbour>& neighbours);

// Tells the segment where the identity now is: gratuitous ARP (RFC 5227, an announcement: sender = target = address), from inside.
// Closing its socket waits for an RCU grace period in the kernel (10 ms, measured): made before the pause, ended after it.
class Announcer {
 public:
  Announcer(int netns, const Identity& identity);
  void announce() const;

 private:
  Identity identity_;
  int link_index_ = 0;
  base::Fd socket_;
};

}  // namespace ferry::handover
