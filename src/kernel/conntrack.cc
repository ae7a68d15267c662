// SPDX-License-Identifier: Apache-2.0
#include "kernel/conntrack.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/tcp.h>

#include "kernel/netlink_message.h"

namespace ferry::kernel {

namespace {

// Until its next packet; as the kernel's own (nf_conntrack_proto_tcp.c, nf_conntrack_proto_udp.c).
constexpr uint32_t kTcpSeconds = 5 * 24 * 60 * 60, kUdpSeconds = 120;

int conntrack_type(int message) { return (NFNL_SUBSYS_CTNETLINK << 8) | message; }

void put_address(Message& message, int type, const IpAddr& address) {
  message.put(type, address.bytes.data(), 4);
}

void put_tuple(Message& message, int type, uint8_t protocol, const TranslatedFlow::End& from,
               const TranslatedFlow::End& to) {
  message.nest(type, [&](Message& tuple) {
    tuple.nest(CTA_TUPLE_IP, [&](Message& ip) {
      put_address(ip, CTA_IP_V4_SRC, from.address);
      put_address(ip, CTA_IP_V4_DST, to.address);
    });
    tuple.nest(CTA_TUPLE_PROTO, [&](Message& ports) {
      ports.number(CTA_PROTO_NUM, protocol).number(CTA_PROTO_SRC_PORT, htons(from.port));
      ports.number(CTA_PROTO_DST_PORT, htons(to.port));
    });
  });
}

void put_translation(Message& message, const TranslatedFlow::End& to) {
  message.nest(CTA_NAT_DST, [&](Message& nat) {
    put_address(nat, CTA_NAT_V4_MINIP, to.address);
    put_address(nat, CTA_NAT_V4_MAXIP, to.address);
    nat.nest(CTA_NAT_PROTO, [&](Message& ports) {
      ports.number(CTA_PROTONAT_PORT_MIN, htons(to.port));
      ports.number(CTA_PROTONAT_PORT_MAX, htons(to.port));
    });
  });
}

// In the middle of it: where its window is, the kernel learns from the next packets.
void put_established(Message& message) {
  const nf_ct_tcp_flags liberal{IP_CT_TCP_FLAG_BE_LIBERAL, IP_CT_TCP_FLAG_BE_LIBERAL};
  message.nest(CTA_PROTOINFO, [&](Message& info) {
    info.nest(CTA_PROTOINFO_TCP, [&](Message& tcp) {
      tcp.number(CTA_PROTOINFO_TCP_STATE, static_cast<uint8_t>(TCP_CONNTRACK_ESTABLISHED));
      tcp.put(CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, &liberal, sizeof liberal);
      tcp.put(CTA_PROTOINFO_TCP_FLAGS_REPLY, &liberal, sizeof liberal);
    });
  });
}

nfgenmsg conntrack_header() { return {AF_INET, NFNETLINK_V0, 0}; }

void forget(nl_sock* socket, uint8_t protocol, const TranslatedFlow::End& from,
            const TranslatedFlow::End& to) {
  Message message(conntrack_type(IPCTNL_MSG_CT_DELETE), NLM_F_ACK);
  message.header(conntrack_header());
  put_tuple(message, CTA_TUPLE_ORIG, protocol, from, to);
  const int error = exchange(socket, message).error;
  if (error != 0 && error != ENOENT) throw base::SysError("conntrack", error, "delete");
}

}  // namespace

void Conntrack::Close::operator()(nl_sock* socket) const { nl_socket_free(socket); }

Conntrack::Conntrack() : socket_(nl_socket_alloc()) {
  connect_netlink(socket_.get(), NETLINK_NETFILTER);
}

bool Conntrack::has(uint8_t protocol, const TranslatedFlow::End& from,
                    const TranslatedFlow::End& to) const {
  Message message(conntrack_type(IPCTNL_MSG_CT_GET), NLM_F_ACK);
  message.header(conntrack_header());
  put_tuple(message, CTA_TUPLE_ORIG, protocol, from, to);
  const int error = exchange(socket_.get(), message).error;
  if (error != 0 && error != ENOENT) throw base::SysError("conntrack", error, "get");
  return error == 0;
}

void Conntrack::lead(const TranslatedFlow& flow) {
  forget(socket_.get(), flow.protocol, flow.client, flow.host);
  forget(socket_.get(), flow.protocol, flow.workload, flow.client);
  Message message(conntrack_type(IPCTNL_MSG_CT_NEW), NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
  message.header(conntrack_header());
  put_tuple(message, CTA_TUPLE_ORIG, flow.protocol, flow.client, flow.host);
  // As if nothing were translated: the kernel changes it by what follows.
  put_tuple(message, CTA_TUPLE_REPLY, flow.protocol, flow.host, flow.client);
  const bool is_tcp = flow.protocol == IPPROTO_TCP;
  message.number(CTA_STATUS, htonl(IPS_CONFIRMED | IPS_SEEN_REPLY | IPS_ASSURED));
  message.number(CTA_TIMEOUT, htonl(is_tcp ? kTcpSeconds : kUdpSeconds));
  put_translation(message, flow.workload);
  if (is_tcp) put_established(message);
  request(socket_.get(), message, "a connection's translation");
}

}  // namespace ferry::kernel
