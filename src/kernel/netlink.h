// SPDX-License-Identifier: Apache-2.0
//
// rtnetlink: links, addresses, routes and neighbours of one network namespace. A Netlink belongs to the network
// namespace that its thread was in when it was made (see kernel/namespaces.h, `in_network_namespace`), and stays there.
// Plain verbs throw SysError; `find_…` returns nothing when there is none. One thread at a time.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct nl_sock;

namespace ferry::kernel {

struct MacAddr {
  std::array<uint8_t, 6> bytes{};
  auto operator<=>(const MacAddr&) const = default;
  static MacAddr parse(std::string_view text);  // "02:55:00:00:00:09"; throws Error
  static MacAddr random_local();                // locally administered, unicast
  static MacAddr random_high();  // the same, and higher than those of other links: for ports of a bridge, which takes the lowest
  std::string text() const;
};

// IPv4 or IPv6, in network byte order; `size` is 4 or 16.
struct IpAddr {
  std::array<uint8_t, 16> bytes{};
  uint8_t size = 4;
  auto operator<=>(const IpAddr&) const = default;
  static IpAddr parse(std::string_view text);  // throws Error
  std::string text() const;
  int family() const;  // AF_INET or AF_INET6
  bool is_link_local() const;  // fe80::/10
};

// An address with the length of its network: 10.77.0.9/24.
struct IpPrefix {
  IpAddr address;
  int length = 0;
  auto operator<=>(const IpPrefix&) const = default;
  static IpPrefix parse(std::string_view text);  // throws Error; the length must be written
  std::string text() const;
  bool contains(const IpAddr& other) const;
};

struct Link {
  int index = 0;
  std::string name;
  std::string kind;  // "bridge", "veth", …; empty for hardware and lo
  MacAddr mac;
  int master = 0;  // index of its bridge; 0: none
  int mtu = 0;
  bool up = false;
  int peer = 0;                    // index of a veth's other end, or of a macvlan's parent, there where that is; 0: none
  std::optional<int> peer_netns;   // that network namespace, by the number that this one has for it; nothing: it is this one
  uint32_t macvlan_mode = 0;       // of a macvlan: MACVLAN_MODE_… (linux/if_link.h)
};

struct Address {
  int link = 0;  // index
  IpPrefix prefix;
  bool is_lent = false;  // for a time: by DHCP, or by what a router announces
  // What else of it is to be the same when it is entered again.
  uint32_t flags = 0;    // IFA_F_…
  uint8_t scope = 0;
  std::string label;     // as a rule the link's name
  std::optional<IpAddr> broadcast;
};

// A way that somebody has entered in the main table.
struct Route {
  IpPrefix to;  // of length 0: a default route
  std::optional<IpAddr> gateway;
  uint32_t metric = 0;
  bool is_plain = true;  // unicast, by one link: what add_route() can make again
  bool operator==(const Route&) const = default;
  std::string text() const;  // "10.0.0.0/8 via 10.77.0.1 metric 5"
};

struct Neighbour {
  int link = 0;  // index
  IpAddr address;
  MacAddr mac;
};

class Netlink {
 public:
  Netlink();  // in the calling thread's network namespace
  ~Netlink();
  Netlink(Netlink&&) noexcept;
  Netlink& operator=(Netlink&&) noexcept;

  std::vector<Link> links() const;
  std::optional<Link> find_link(std::string_view name) const;
  std::vector<Address> addresses() const;
  std::vector<Neighbour> neighbours() const;  // those with a known MAC (reachable, stale, permanent…)
  std::optional<IpAddr> find_default_gateway() const;  // IPv4
  std::vector<Route> routes() const;  // but for those that come with an address
  std::optional<int> number_of(int netns) const;  // as Link::peer_netns has it; nothing: it has not had to do with that one

  // Forwards at once: no spanning tree, no forward delay, no multicast snooping.
  void add_bridge(const std::string& name);
  // `peer` is made in the namespace that `peer_netns` (a descriptor) is; its MAC may be given.
  void add_veth(const std::string& name, const std::string& peer, int peer_netns,
                std::optional<MacAddr> peer_mac = {});
  // In that namespace, on a link of this one, down. Throws SysError, also when the parent takes none: it is a bridge's port, say.
  void add_macvlan(const std::string& name, const std::string& parent, uint32_t mode, int netns, const MacAddr& mac);
  void delete_link(const std::string& name);  // gone already is fine
  void set_up(const std::string& name, bool up);
  void set_mac(const std::string& name, const MacAddr& mac);
  void set_master(const std::string& name, const std::string& bridge);  // empty bridge: detach
  void add_address(const std::string& name, const IpPrefix& prefix);
  void delete_address(const std::string& name, const IpPrefix& prefix);
  // As addresses() had it, on that link now. False: it is there already, or there is none to delete.
  [[nodiscard]] bool try_add(const std::string& name, const Address& address);
  [[nodiscard]] bool try_delete(const std::string& name, const Address& address);
  void add_default_route(const IpAddr& gateway, const std::string& link = {});  // a link-local gateway needs the link
  void add_route(const Route& route, const std::string& link);  // a plain one
  // Entered as stale: used at once, and checked by the kernel soon after.
  void replace_neighbour(const std::string& link, const IpAddr& address, const MacAddr& mac);
  void add_neighbour_if_unknown(const std::string& link, const IpAddr& address, const MacAddr& mac);
  bool has_route_from(const IpAddr& address) const;  // that names it as the sender's address, but for those that came with it
  void set_mtu(const std::string& name, int mtu);
  void set_queue_length(const std::string& name, int frames);  // of what waits to leave it
  uint64_t dropped(const std::string& name) const;  // frames that should have left it and could not

  // ---- forwarding tables of bridges (netlink_bridge.cc); routes() and add_route() are in netlink_route.cc ----

  // The bridge that the link is a port of sends frames for that MAC there from now on, wherever they went before. Held: whoever else
  // sends from that MAC, they go on coming here (a static, sticky entry), until the port or the entry goes.
  enum class Hold { kNo, kYes };
  void direct(const std::string& link, const MacAddr& mac, Hold hold);
  void forget(const std::string& link, const MacAddr& mac);  // gone already is fine

  // What comes in on `from` is taken as having come in on `to` (a u32 filter and mirred, at ingress); ends with either link.
  void redirect_ingress(const std::string& from, const std::string& to);

  // Token bucket on what leaves the link (TBF); bytes per second.
  void limit_rate(const std::string& name, uint64_t bytes_per_second);

 private:
  struct Closer {
    void operator()(nl_sock* socket) const;
  };
  std::unique_ptr<nl_sock, Closer> socket_;
};

}  // namespace ferry::kernel
