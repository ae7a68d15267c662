// SPDX-License-Identifier: Apache-2.0
//
// Routes, and by which numbers namespaces know each other.
#include <fmt/format.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <netlink/socket.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/error.h"
#include "kernel/netlink.h"
#include "kernel/netlink_message.h"

namespace ferry::kernel {

using base::SysError;

namespace {

bool comes_by_itself(const rtmsg& header) {
  return header.rtm_table == RT_TABLE_LOCAL || header.rtm_protocol == RTPROT_KERNEL ||
         (header.rtm_flags & RTM_F_CLONED) != 0;
}

Route route_in(const rtmsg& header, const std::vector<nlattr*>& attributes) {
  Route route;
  route.to.address =
      address_in(attributes[RTA_DST])
          .value_or(IpAddr{{}, static_cast<uint8_t>(header.rtm_family == AF_INET ? 4 : 16)});
  route.to.length = header.rtm_dst_len;
  route.gateway = address_in(attributes[RTA_GATEWAY]);
  if (attributes[RTA_PRIORITY]) route.metric = nla_get_u32(attributes[RTA_PRIORITY]);
  route.is_plain = header.rtm_type == RTN_UNICAST && header.rtm_table == RT_TABLE_MAIN &&
                   header.rtm_protocol != RTPROT_RA && attributes[RTA_OIF] &&
                   header.rtm_src_len == 0 && header.rtm_tos == 0;
  for (const int special :
       {RTA_MULTIPATH, RTA_PREFSRC, RTA_METRICS, RTA_VIA, RTA_ENCAP, RTA_EXPIRES}) {
    if (attributes[static_cast<size_t>(special)]) route.is_plain = false;
  }
  return route;
}

}  // namespace

std::string Route::text() const {
  const std::string name = to.length == 0 ? "default" : to.text();
  const std::string by = gateway ? " via " + gateway->text() : "";
  return metric == 0 ? name + by : fmt::format("{}{} metric {}", name, by, metric);
}

std::vector<Route> Netlink::routes() const {
  std::vector<Route> found;
  for (const int family : {AF_INET, AF_INET6}) {
    std::vector<Route> some;
    rtmsg wanted{};
    wanted.rtm_family = static_cast<uint8_t>(family);
    dump(
        socket_.get(), RTM_GETROUTE, wanted, "list routes", [&] { some.clear(); },
        [&](nlmsghdr* head) {
          const auto [header, attributes] = parse<rtmsg>(head, RTA_MAX);
          if (header->rtm_family == family && !comes_by_itself(*header))
            some.push_back(route_in(*header, attributes));
        });
    found.insert(found.end(), some.begin(), some.end());
  }
  return found;
}

bool Netlink::has_route_from(const IpAddr& address) const {
  bool found = false;
  rtmsg wanted{};
  wanted.rtm_family = static_cast<uint8_t>(address.family());
  dump(socket_.get(), RTM_GETROUTE, wanted, "list routes", [&] { found = false; },
       [&](nlmsghdr* head) {
         const auto [header, attributes] = parse<rtmsg>(head, RTA_MAX);
         if (header->rtm_family == address.family() && !comes_by_itself(*header) && address_in(attributes[RTA_PREFSRC]) == address) found = true;
       });
  return found;
}

void Netlink::add_route(const Route& route, const std::string& link) {
  const auto by = find_link(link);
  if (!by) throw SysError("netlink", ENODEV, link);
  rtmsg header{};
  header.rtm_family = static_cast<uint8_t>(route.to.address.family());
  header.rtm_dst_len = static_cast<uint8_t>(route.to.length);
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_STATIC;
  header.rtm_scope = route.gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
  header.rtm_type = RTN_UNICAST;
  Message message(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
  message.header(header).number(RTA_OIF, static_cast<uint32_t>(by->index));
  if (route.to.length > 0)
    message.put(RTA_DST, route.to.address.bytes.data(), route.to.address.size);
  if (route.gateway) message.put(RTA_GATEWAY, route.gateway->bytes.data(), route.gateway->size);
  if (route.metric > 0) message.number(RTA_PRIORITY, route.metric);
  request(socket_.get(), message, "add the route " + route.text());
}

std::optional<int> Netlink::number_of(int netns) const {
  Message message(RTM_GETNSID, NLM_F_ACK);
  message.header(rtgenmsg{}).number(NETNSA_FD, static_cast<uint32_t>(netns));
  std::optional<int> number;
  const int error = exchange(socket_.get(), message, [&](nlmsghdr* head) {
                      const auto [header, attributes] = parse<rtgenmsg>(head, NETNSA_MAX);
                      const int told = attributes[NETNSA_NSID]
                                           ? nla_get_s32(attributes[NETNSA_NSID])
                                           : NETNSA_NSID_NOT_ASSIGNED;
                      if (told != NETNSA_NSID_NOT_ASSIGNED) number = told;
                    }).error;
  if (error != 0) throw SysError("netlink", error, "ask for the number of a network namespace");
  return number;
}

}  // namespace ferry::kernel
