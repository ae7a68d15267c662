// SPDX-License-Identifier: Apache-2.0
//
// nf_tables (linux/netfilter/nf_tables.h): what comes in on a link, judged before anything else of
// the kernel sees it, or what leaves it (family netdev, hooks ingress and, from Linux 5.16 on,
// egress); and a wall around a whole network namespace, through which nothing comes in or goes out
// of IPv4, IPv6 (family inet) and ARP, lo included. A table is made whole, in one transaction, or
// not at all. One that belongs to its Nftables is gone with it, whatever ends the process; a
// lasting one stays until it is deleted. Plain verbs throw SysError. One thread at a time.
//
// The messages are made here: libnftables, which would parse them from text, is not to be had for a
// static link.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel/netlink.h"

namespace ferry::kernel {

// Where in a frame certain bytes must stand.
struct FrameMatch {
  enum class Header { kLink, kNetwork } header = Header::kNetwork;
  uint32_t offset = 0;
  std::vector<uint8_t> bytes;
};

struct LinkRule {
  std::optional<uint16_t> ethertype;  // ETH_P_IP, …
  std::vector<FrameMatch> matches;    // all of them
  enum class Verdict { kAccept, kDrop, kForward } verdict = Verdict::kDrop;
  int forward_to =
      0;  // index of a link, which sends the frame as it is; dropped when that has gone
};

struct LinkChain {
  enum class Way { kIn, kOut } way = Way::kIn;
  std::string link;
  std::vector<LinkRule> rules;  // the first that fits decides; none: accepted
};

class Nftables {
 public:
  enum class Life { kLasting, kWithThis };

  Nftables();  // in the calling thread's network namespace
  ~Nftables();
  Nftables(Nftables&&) noexcept;
  Nftables& operator=(Nftables&&) noexcept;

  // Instead of one that has the name.
  void put_table(const std::string& name, const std::vector<LinkChain>& chains, Life life);
  void delete_table(const std::string& name);  // gone already is fine
  // A lasting one. There already is fine, and changes nothing.
  void put_wall(const std::string& name);
  // In place of it one through which all goes out, and only what has this sender's MAC comes in.
  void put_half_wall(const std::string& name, const MacAddr& passes);
  void delete_wall(const std::string& name);  // gone already is fine

 private:
  struct Closer {
    void operator()(nl_sock* socket) const;
  };
  std::unique_ptr<nl_sock, Closer> socket_;
};

// Why this kernel takes no such table; empty when it does.
std::string why_no_link_tables();

}  // namespace ferry::kernel
