// SPDX-License-Identifier: Apache-2.0
#include "lab/link.h"

#include <fmt/format.h>
#include <sched.h>

#include <cerrno>
#include <filesystem>

#include "base/error.h"
#include "kernel/namespaces.h"

namespace ferry::lab {

namespace {

constexpr const char* kBridge = "br0";
constexpr const char* kUplink = "eth0";

// Settings of the calling thread's network namespace; what a kernel does not have needs no setting.
void set_quiet() {
  const auto set = [](const char* file, const char* value) {
    const base::Path path = base::Path("/proc/sys/net") / file;
    if (std::filesystem::exists(path)) base::write_file(path, value);
  };
  // Where br_netfilter is loaded, bridged packets would go through the firewall.
  for (const char* file : {"bridge/bridge-nf-call-iptables", "bridge/bridge-nf-call-ip6tables",
                           "bridge/bridge-nf-call-arptables"}) {
    set(file, "0");
  }
  for (const char* file : {"ipv6/conf/all/accept_ra", "ipv6/conf/default/accept_ra", "ipv6/conf/all/autoconf",
                           "ipv6/conf/default/autoconf"}) {
    set(file, "0");
  }
  set("ipv6/conf/all/router_solicitations", "0");
  set("ipv6/conf/default/router_solicitations", "0");
}

bool has_ipv6() { return std::filesystem::exists("/proc/sys/net/ipv6"); }

// Before anything else of the process that is going to be the switch.
kernel::Netlink in_new_network() {
  if (::unshare(CLONE_NEWNET) < 0) throw base::SysError("unshare", errno, "net");
  return kernel::Netlink();
}

}  // namespace

void set_up_network(size_t index, uint64_t rate_bytes_per_second) {
  set_quiet();
  kernel::Netlink netlink;
  netlink.set_up("lo", true);
  netlink.add_bridge(kBridge);
  // Given by hand it stays; otherwise a bridge takes the lowest MAC of its ports, which come and go.
  netlink.set_mac(kBridge, host_mac(index));
  netlink.set_master(kUplink, kBridge);
  if (rate_bytes_per_second != 0) netlink.limit_rate(kUplink, rate_bytes_per_second);
  netlink.set_up(kUplink, true);
  netlink.set_up(kBridge, true);
  netlink.add_address(kBridge, host_prefix(index));
  if (has_ipv6()) netlink.add_address(kBridge, host_ipv6_prefix(index));
}

Switch::Switch(const LabSpec& spec) : spec_(spec), netlink_(in_new_network()) {
  set_quiet();
  if (std::filesystem::exists("/proc/sys/net/ipv6/conf/default/disable_ipv6")) {
    base::write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");  // a switch has no address
  }
  netlink_.add_bridge(kBridge);
  netlink_.set_up(kBridge, true);
}

void Switch::connect(size_t index, pid_t pid) {
  const base::Fd netns = kernel::open_namespace(pid, "net");
  const std::string port = fmt::format("port-{}", index + 1);
  if (spec_.delay.count() == 0) {
    netlink_.add_veth(port, kUplink, netns.get());
  } else {
    base::Fd host_end;
    kernel::in_network_namespace(netns.get(), [&] { host_end = open_cable_end(kUplink); });
    relays_.push_back(std::make_unique<Relay>(std::move(host_end), open_cable_end(port), spec_.delay));
  }
  if (spec_.rate_bytes_per_second != 0) netlink_.limit_rate(port, spec_.rate_bytes_per_second);
  netlink_.set_master(port, kBridge);
  netlink_.set_up(port, true);
}

}  // namespace ferry::lab
