// SPDX-License-Identifier: Apache-2.0
//
// Connection tracking (linux/netfilter/nfnetlink_conntrack.h): a connection whose destination is
// translated is told to the kernel, which has not seen it begin. Left to itself it would take the
// workload's first packet for a new connection, and give it another port on its way out.
#pragma once

#include <memory>

#include "kernel/netlink.h"

struct nl_sock;

namespace ferry::kernel {

// IPv4. The client speaks to `host`, and that is the workload.
struct TranslatedFlow {
  struct End {
    IpAddr address;
    uint16_t port = 0;
  };
  uint8_t protocol = 0;  // IPPROTO_TCP or IPPROTO_UDP
  End client, host, workload;
};

class Conntrack {
 public:
  Conntrack();  // of the calling thread's network namespace. Throws SysError
  // In place of what the kernel had of it. Throws SysError.
  void lead(const TranslatedFlow& flow);
  // Whether the kernel has a connection that began with a packet like that. Throws SysError.
  bool has(uint8_t protocol, const TranslatedFlow::End& from, const TranslatedFlow::End& to) const;

 private:
  struct Close {
    void operator()(nl_sock* socket) const;
  };
  std::unique_ptr<nl_sock, Close> socket_;
};

}  // namespace ferry::kernel
