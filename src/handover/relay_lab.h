// SPDX-License-Identifier: Apache-2.0
//
// For tests of relays: a client, the hosts east and west, and a container on west, each a network
// namespace of its own, which vanishes with this.
//
//     client 10.60.0.1 ── br0 10.60.0.8  east  10.61.0.1 ── 10.61.0.2  west  dk0 172.31.0.1 ──
//     172.31.0.2 container client 10.62.0.1 ──────────────────────────────────── 10.62.0.2 (and a
//     route to the container)
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <functional>
#include <string>
#include <thread>

#include "base/fd.h"
#include "kernel/named_network.h"
#include "kernel/namespaces.h"
#include "kernel/netlink.h"

namespace ferry::handover {

inline sockaddr_in place_at(const char* address, uint16_t port) {
  sockaddr_in place{AF_INET, htons(port), {}, {}};
  ::inet_pton(AF_INET, address, &place.sin_addr);
  return place;
}

class RelayLab {
 public:
  RelayLab() {
    for (const auto* network : {&client, &east, &west, &container})
      in(*network, [](kernel::Netlink& net) { net.set_up("lo", true); });
    in(client, [&](kernel::Netlink& net) { net.add_veth("c0", "up0", east.get()); });
    in(client, [&](kernel::Netlink& net) { net.add_veth("c1", "c1", west.get()); });
    in(east, [&](kernel::Netlink& net) {
      net.add_bridge("br0");
      net.set_master("up0", "br0");
      net.add_veth("w0", "e0", west.get());
      put(net, "up0", {});
      put(net, "br0", "10.60.0.8/24");
      put(net, "w0", "10.61.0.1/24");
    });
    in(client, [&](kernel::Netlink& net) {
      put(net, "c0", "10.60.0.1/24");
      put(net, "c1", "10.62.0.1/24");
    });
    in(west, [&](kernel::Netlink& net) {
      net.add_bridge("dk0");
      net.add_veth("vethc", "eth0", container.get());
      net.set_master("vethc", "dk0");
      put(net, "vethc", {});
      put(net, "dk0", "172.31.0.1/16");
      put(net, "e0", "10.61.0.2/24");
      put(net, "c1", "10.62.0.2/24");
      base::write_file("/proc/sys/net/ipv4/ip_forward", "1");
      gateway_mac = net.find_link("dk0")->mac;
    });
    in(container, [&](kernel::Netlink& net) {
      put(net, "eth0", "172.31.0.2/16");
      net.add_default_route(kernel::IpAddr::parse("172.31.0.1"));
      workload_mac = net.find_link("eth0")->mac;
    });
    in(client, [&](kernel::Netlink& net) {
      net.add_route({kernel::IpPrefix::parse("172.31.0.0/16"), kernel::IpAddr::parse("10.62.0.2")},
                    "c1");
    });
  }

  static void in(const base::Fd& network, const std::function<void(kernel::Netlink&)>& work) {
    kernel::in_network_namespace(network.get(), [&] {
      kernel::Netlink net;
      work(net);
    });
  }
  static base::Fd make_socket(const base::Fd& network, int type) {
    base::Fd made;
    in(network,
       [&](kernel::Netlink&) { made = base::Fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0)); });
    EXPECT_TRUE(made);
    const timeval limit{10, 0};  // only a failure takes so long
    ::setsockopt(made.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(made.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    return made;
  }
  static base::Fd bound(const base::Fd& network, int type, const char* address, uint16_t port) {
    auto made = make_socket(network, type);
    const int yes = 1;
    ::setsockopt(made.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    const auto at = place_at(address, port);
    EXPECT_EQ(::bind(made.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0) << errno;
    if (type == SOCK_STREAM) {
      EXPECT_EQ(::listen(made.get(), 100), 0);
    }
    return made;
  }
  // Empty: it could not be.
  static base::Fd connected(const base::Fd& network, int type, const char* address, uint16_t port) {
    auto made = make_socket(network, type);
    const auto to = place_at(address, port);
    if (::connect(made.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) < 0) return {};
    return made;
  }

  base::Fd client = kernel::make_network(), east = kernel::make_network(),
           west = kernel::make_network(), container = kernel::make_network();
  kernel::MacAddr gateway_mac, workload_mac;

 private:
  static void put(kernel::Netlink& net, const std::string& link, const std::string& address) {
    net.set_up(link, true);
    if (!address.empty()) net.add_address(link, kernel::IpPrefix::parse(address));
  }
};

}  // namespace ferry::handover
