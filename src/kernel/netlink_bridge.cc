// SPDX-License-Identifier: Apache-2.0
//
// What a bridge knows of its ports (net/bridge/br_fdb.c), and a link's queue.
#include <netinet/in.h>  // before the kernel's headers, which then leave to it what both have

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <cstring>

#include "kernel/netlink.h"
#include "kernel/netlink_message.h"

namespace ferry::kernel {

using base::SysError;

namespace {

ifinfomsg any_link() { return {}; }

ndmsg entry_at(const Netlink& netlink, const std::string& link) {
  const auto found = netlink.find_link(link);
  if (!found) throw SysError("netlink", ENODEV, link);
  ndmsg header{};
  header.ndm_family = AF_BRIDGE;
  header.ndm_ifindex = found->index;
  header.ndm_flags = NTF_MASTER;
  return header;
}

}  // namespace

void Netlink::set_mtu(const std::string& name, int mtu) {
  Message message(RTM_NEWLINK, NLM_F_ACK);
  message.header(any_link()).text(IFLA_IFNAME, name).number(IFLA_MTU, static_cast<uint32_t>(mtu));
  request(socket_.get(), message, "set the MTU of " + name);
}

void Netlink::set_queue_length(const std::string& name, int frames) {
  Message message(RTM_NEWLINK, NLM_F_ACK);
  message.header(any_link()).text(IFLA_IFNAME, name).number(IFLA_TXQLEN, static_cast<uint32_t>(frames));
  request(socket_.get(), message, "set the queue of " + name);
}

uint64_t Netlink::dropped(const std::string& name) const {
  Message message(RTM_GETLINK, NLM_F_ACK);
  message.header(any_link()).text(IFLA_IFNAME, name);
  rtnl_link_stats64 statistics{};
  const int error = exchange(socket_.get(), message, [&](nlmsghdr* head) {
    const auto parsed = parse<ifinfomsg>(head, IFLA_MAX);
    nlattr* const found = parsed.attributes[IFLA_STATS64];
    if (found) std::memcpy(&statistics, nla_data(found), std::min(sizeof statistics, static_cast<size_t>(nla_len(found))));
  }).error;
  if (error != 0) throw SysError("netlink", error, name);
  return statistics.tx_dropped;
}

void Netlink::direct(const std::string& link, const MacAddr& mac, Hold hold) {
  ndmsg header = entry_at(*this, link);
  header.ndm_state = hold == Hold::kYes ? NUD_NOARP : NUD_REACHABLE;
  if (hold == Hold::kYes) header.ndm_flags |= NTF_STICKY;
  Message message(RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
  message.header(header).put(NDA_LLADDR, mac.bytes.data(), mac.bytes.size());
  request(socket_.get(), message, "direct " + mac.text() + " to " + link);
}

void Netlink::forget(const std::string& link, const MacAddr& mac) {
  Message message(RTM_DELNEIGH, NLM_F_ACK);
  message.header(entry_at(*this, link)).put(NDA_LLADDR, mac.bytes.data(), mac.bytes.size());
  const int error = exchange(socket_.get(), message).error;
  if (error != 0 && error != ENOENT) throw SysError("netlink", error, "forget " + mac.text() + " at " + link);
}

}  // namespace ferry::kernel
