// SPDX-License-Identifier: Apache-2.0
//
// The network identity of a workload with an address of its own: a network namespace with one link (eth0) whose host
// end is a port of a bridge of the host, so that it stands on the host's network segment. The identity is the MAC and
// its IP addresses (IPv4, IPv6 or both); it exists on one host at a time.
//
// The port is the gate: off the bridge, no packet reaches the workload's sockets.
#pragma once

#include <string>
#include <vector>

#include "kernel/namespaces.h"
#include "kernel/netlink.h"

namespace ferry::handover {

struct Identity {
  std::vector<kernel::IpPrefix> addresses;  // one at least, of either family
  kernel::MacAddr mac;
  std::vector<kernel::IpAddr> gateways;     // one of each family at most
  // As people and records write them: "10.77.0.9/24,fd00:77::9/64", "10.77.0.1".
  std::string addresses_text() const;
  std::string gateways_text() const;
};
// Of these words. Throws Error (usage): no address, a link-local one (each has one anyway, by its MAC), two gateways of a family.
Identity parse_identity(const std::string& addresses, const kernel::MacAddr& mac, const std::string& gateways);

inline constexpr const char* kInside = "eth0";  // the workload's end of its link

struct KnownNeighbour {
  kernel::IpAddr address;
  kernel::MacAddr mac;
};

// The bridge of this host that has an address in a network of the identity. Throws Error (refused) when there is none.
std::string find_bridge(const kernel::Netlink& host, const Identity& identity);

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

// Tells the segment where the identity now is (announcement.h), from inside.
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
