// SPDX-License-Identifier: Apache-2.0
//
// The network identity of a workload with an address of its own: a network namespace with one link by which it stands on the host's
// network segment: a veth whose host end is a port of a bridge of the host, or a macvlan. The identity is the MAC and
// its IP addresses (IPv4, IPv6 or both); it exists on one host at a time. Of a capsule ferry has made all of that; of a container
// others have, and attached.h finds it.
//
// Of a veth the port is the gate: off the bridge, no packet reaches the workload's sockets. attachment.h has what depends on the kind.
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
  std::string link = "eth0";                // the workload's end of its link
  int mtu = 0;                              // 0: as links are made
  std::vector<kernel::Route> routes = {};   // plain ones, besides those by the gateways
  // As people and records write them: "10.77.0.9/24,fd00:77::9/64", "10.77.0.1".
  std::string addresses_text() const;
  std::string gateways_text() const;
};
// The first of IPv4 among them. Throws Error when there is none.
const kernel::IpPrefix& ipv4_of(const Identity& identity);
// Of these words. Throws Error (usage): no address, a link-local one (each has one anyway, by its MAC), two gateways of a family.
Identity parse_identity(const std::string& addresses, const kernel::MacAddr& mac, const std::string& gateways);

struct KnownNeighbour {
  kernel::IpAddr address;
  kernel::MacAddr mac;
};

// The bridge of this host that has an address in a network of the identity. Throws Error (refused) when there is none.
std::string find_bridge(const kernel::Netlink& host, const Identity& identity);

// How a workload's link stands on this host's segment.
struct Attachment {
  std::string link;           // a veth's host end; empty: a macvlan, all of which is in the workload's namespace
  std::string segment;        // the bridge whose port that is while it is open; or the macvlan's parent, a bridge or any other link
  uint32_t macvlan_mode = 0;  // MACVLAN_MODE_… (linux/if_link.h); 0: a veth
  bool is_macvlan() const { return macvlan_mode != 0; }
};
// That ferry gives it on this host. Throws as find_bridge() does.
Attachment attachment_of(const std::string& workload, const Identity& identity);
std::string host_link_of(const std::string& workload);

// Addresses and routes, in the network namespace, of its link, which is up then.
void set_up_inside(int netns, const Identity& identity);

// The host end of a veth and its place on the bridge.
class Port {
 public:
  // Makes the link into the network namespace, with addresses and routes; the port is shut. What had the host end's name is gone.
  static Port create(int netns, const Attachment& attachment, const Identity& identity);
  // Of a workload that is already here.
  explicit Port(Attachment attachment) : link_(std::move(attachment.link)), bridge_(std::move(attachment.segment)) {}

  void open();   // onto the bridge
  void shut();   // off the bridge; the link stays up, so the routes in the namespace stay
  const std::string& link() const { return link_; }
  const std::string& bridge() const { return bridge_; }

 private:
  std::string link_, bridge_;
};

std::vector<KnownNeighbour> neighbours_in(int netns);
// Without them the first packet out would wait for an ARP answer (1 s if the question is lost). `link`: the workload's end.
void put_neighbours(int netns, const std::string& link, const std::vector<KnownNeighbour>& neighbours);

// On a link of this host: those that it does not know itself.
void add_unknown_neighbours(const std::string& link, const std::vector<KnownNeighbour>& neighbours);

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
