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
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "kernel/netlink.h"

namespace ferry::kernel {

// Where in a frame certain bytes must stand.
struct FrameMatch {
  // kTransport: right behind the header of IPv4 or IPv6, whatever its length; in a fragment that is
  // not the first there is none, and nothing fits.
  enum class Header { kLink, kNetwork, kTransport } header = Header::kNetwork;
  uint32_t offset = 0;
  std::vector<uint8_t> bytes;
};

// A set of keys, in which rules look up what a frame has at certain places.
struct LinkSet {
  struct Part {
    FrameMatch::Header header = FrameMatch::Header::kNetwork;
    uint32_t offset = 0, size = 0;  // at most 4
  };
  std::string name;
  std::vector<Part> parts;  // at most 4
  uint32_t shown_as = 0;  // to people, by nft(8): its number for the type; the kernel does not care

  // What is looked up: each part, filled up with zeros to 4 bytes.
  size_t key_bytes() const { return parts.size() * 4; }
};

struct LinkRule {
  std::optional<uint16_t> ethertype;  // ETH_P_IP, …
  std::vector<FrameMatch> matches;    // all of them
  enum class Verdict { kAccept, kDrop, kForward } verdict = Verdict::kDrop;
  int forward_to =
      0;  // index of a link, which sends the frame as it is; dropped when that has gone
  std::optional<LinkSet> is_in;  // and its bytes are an element of that set
  std::optional<uint32_t> mark;  // and the socket that has sent it has this SO_MARK
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
  // What another process has, too: a table that is with it ends when both have gone.
  explicit Nftables(base::Fd shared) : socket_(std::move(shared)) {}
  int fd() const { return socket_.get(); }

  // Instead of one that has the name. Its sets are those that rules look something up in; empty.
  void put_table(const std::string& name, const std::vector<LinkChain>& chains, Life life);
  // To chains of put_table(), at their ends. Quicker than another table.
  void add_rules(const std::string& table, const std::vector<LinkChain>& chains);
  using Keys = std::vector<std::string>;  // each of LinkSet::key_bytes()
  void add_elements(const std::string& table, const std::string& set, const Keys& keys);
  // Throws SysError when one is not in it.
  void delete_elements(const std::string& table, const std::string& set, const Keys& keys);
  void delete_table(const std::string& name);  // gone already is fine
  // A lasting one. There already is fine, and changes nothing.
  void put_wall(const std::string& name);
  // In place of it one through which all goes out, and only what has this sender's MAC comes in.
  void put_half_wall(const std::string& name, const MacAddr& passes);
  void delete_wall(const std::string& name);  // gone already is fine
  // Around the ports of bridges (family bridge), lasting: with that sender's MAC only what comes in
  // by one of these links does; the rest is dropped before a bridge sees it. Instead of one of the
  // name.
  void put_bridge_barrier(const std::string& name, const MacAddr& sender,
                          const std::vector<int>& links);
  void delete_bridge_barrier(const std::string& name);  // gone already is fine

 private:
  void change_elements(int message, const std::string& table, const std::string& set,
                       const Keys& keys);

  base::Fd socket_;
};

// Why this kernel takes no table with such a chain; empty when it does.
std::string why_no_link_tables(LinkChain::Way way);

}  // namespace ferry::kernel
