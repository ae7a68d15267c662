// SPDX-License-Identifier: Apache-2.0
//
// Traffic control at ingress (tc-u32(8), tc-mirred(8)).
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "kernel/netlink.h"
#include "kernel/netlink_message.h"

namespace ferry::kernel {

namespace {

tcmsg ingress_of(int link, uint32_t parent, uint32_t handle) {
  tcmsg header{};
  header.tcm_family = AF_UNSPEC;
  header.tcm_ifindex = link;
  header.tcm_parent = parent;
  header.tcm_handle = handle;
  return header;
}

constexpr uint32_t kIngress =
    TC_H_MAKE(TC_H_INGRESS, 0);  // the queueing discipline's own handle: ffff:

// One key that every frame fits.
std::vector<char> any_frame() {
  std::vector<char> bytes(sizeof(tc_u32_sel) + sizeof(tc_u32_key));
  tc_u32_sel selector{};
  selector.flags = TC_U32_TERMINAL;
  selector.nkeys = 1;
  std::memcpy(bytes.data(), &selector, sizeof selector);
  return bytes;
}

}  // namespace

void Netlink::redirect_ingress(const std::string& from, const std::string& to) {
  const auto source = find_link(from), destination = find_link(to);
  if (!source || !destination) throw base::SysError("netlink", ENODEV, source ? to : from);
  Message discipline(RTM_NEWQDISC, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
  discipline.header(ingress_of(source->index, TC_H_INGRESS, kIngress)).text(TCA_KIND, "ingress");
  request(socket_.get(), discipline, "an ingress queue on " + from);

  tc_mirred redirect{};
  redirect.action = TC_ACT_STOLEN;
  redirect.eaction = TCA_INGRESS_REDIR;
  redirect.ifindex = static_cast<uint32_t>(destination->index);
  const auto selector = any_frame();
  tcmsg header = ingress_of(source->index, kIngress, 0);
  header.tcm_info = TC_H_MAKE(1u << 16, htons(ETH_P_ALL));
  Message filter(RTM_NEWTFILTER, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
  filter.header(header).text(TCA_KIND, "u32").nest(TCA_OPTIONS, [&](Message& options) {
    options.nest(TCA_U32_ACT, [&](Message& actions) {
      actions.nest(1, [&](Message& action) {  // the first
        action.text(TCA_ACT_KIND, "mirred").nest(TCA_ACT_OPTIONS, [&](Message& parameters) {
          parameters.put(TCA_MIRRED_PARMS, &redirect, sizeof redirect);
        });
      });
    });
    options.put(TCA_U32_SEL, selector.data(), selector.size());
  });
  request(socket_.get(), filter, "redirect " + from + " to " + to);
}

}  // namespace ferry::kernel
