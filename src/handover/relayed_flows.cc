// SPDX-License-Identifier: Apache-2.0
#include "handover/relayed_flows.h"

#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <unordered_set>

#include "handover/diversion.h"
#include "kernel/namespaces.h"
#include "kernel/sock_diag.h"

namespace ferry::handover {

using Header = kernel::FrameMatch::Header;

namespace {

constexpr const char* kExitTap = "fyr%d";
constexpr const char* kFlowSet = "flows";
// As nft(8) numbers types, six bits for each part: inet_proto . ipv4_addr . inet_service .
// inet_service
constexpr uint32_t kShownAs = ((12U << 6 | 7U) << 6 | 13U) << 6 | 13U;

// What the workload says: protocol, client's address, its own port, the client's.
kernel::LinkSet flow_set() {
  return {kFlowSet,
          {{Header::kNetwork, 9, 1},
           {Header::kNetwork, 16, 4},
           {Header::kTransport, 0, 2},
           {Header::kTransport, 2, 2}},
          kShownAs};
}

std::string element_of(const FlowKey& key) {
  std::string element(flow_set().key_bytes(), '\0');
  const auto put = [&](size_t at, uint32_t value, int bytes) {
    while (bytes-- > 0) element[at++] = static_cast<char>(value >> (8 * bytes));
  };
  put(0, key.protocol, 1);
  put(4, key.client.address, 4);
  put(8, key.workload_port, 2);
  put(12, key.client.port, 2);
  return element;
}

kernel::LinkChain exit_chain(const RelayExitPlace& place, int tap) {
  const auto& address = place.address.address.bytes;
  return {kernel::LinkChain::Way::kIn,
          place.link,
          {{ETHERTYPE_IP,
            {{Header::kNetwork, 12, {address.begin(), address.begin() + 4}}},
            kernel::LinkRule::Verdict::kForward,
            tap,
            flow_set()}}};
}

bool is_established(int state) {
  return state != TCP_SYN_RECV && state != TCP_TIME_WAIT && state != TCP_SYN_SENT;
}

}  // namespace

RelayedFlows::RelayedFlows(const std::string& name, const RelayExitPlace& place)
    : table_("ferry-relay-exit-" + name),
      address_(place.address),
      ports_(place.ports),
      tap_(kExitTap, place.link, kMostWaiting, kernel::Tap::Large::kYes),
      link_index_(static_cast<int>(::if_nametoindex(place.link.c_str()))) {
  tap_.set_up();
  tables_.put_table(table_, {exit_chain(place, tap_.place().link)},
                    kernel::Nftables::Life::kWithThis);
}

bool RelayedFlows::is_port(uint8_t protocol, uint16_t workload_port) const {
  return std::ranges::any_of(ports_, [&](const auto& port) {
    return port.protocol == protocol && port.workload_port == workload_port;
  });
}

bool RelayedFlows::know(const std::vector<FlowKey>& keys) {
  const std::lock_guard lock(mutex_);
  const auto now = base::mono_now();
  kernel::Nftables::Keys elements;
  bool all = true;
  for (const auto& key : keys) {
    if (const auto found = flows_.find(key); found != flows_.end()) {
      found->second.last = now;
    } else if (!is_port(key.protocol, key.workload_port) || flows_.size() >= kMostFlows) {
      all = false;
    } else {
      flows_.emplace(key, Flow{now});
      elements.push_back(element_of(key));
    }
  }
  tables_.add_elements(table_, kFlowSet, elements);
  return all;
}

bool RelayedFlows::is_known(const FlowKey& key) const {
  const std::lock_guard lock(mutex_);
  return flows_.contains(key);
}

RelayedFlows::Connections RelayedFlows::connections_in(int netns) const {
  std::vector<kernel::TcpConnection> sockets;
  kernel::in_network_namespace(netns, [&] { sockets = kernel::tcp_connections(); });
  Connections found;
  for (const auto& socket : sockets) {
    const auto& remote = socket.remote;
    // Neighbours of the workload, and the host itself, talk to it past any relay.
    if (socket.local != address_.address || address_.contains(remote) ||
        !is_port(IPPROTO_TCP, socket.local_port))
      continue;
    const FlowKey key{IPPROTO_TCP, {number_of(remote), socket.remote_port}, socket.local_port};
    found.all.push_back(key);
    if (is_established(socket.state) && is_known(key)) ++found.established;
  }
  return found;
}

void RelayedFlows::know_connections(int netns, const std::vector<FlowKey>& but) {
  const std::unordered_set<FlowKey> others(but.begin(), but.end());
  auto keys = connections_in(netns).all;
  std::erase_if(keys, [&](const auto& key) { return others.contains(key); });
  (void)know(keys);
}

std::vector<FlowKey> RelayedFlows::keys() const {
  const std::lock_guard lock(mutex_);
  std::vector<FlowKey> keys;
  for (const auto& [key, known] : flows_) keys.push_back(key);
  return keys;
}

RelayNews RelayedFlows::look(int netns) {
  const auto began = base::mono_now();
  const auto connections = connections_in(netns);
  const std::unordered_set<FlowKey> there(connections.all.begin(), connections.all.end());
  RelayNews news;
  news.connections = connections.established;
  kernel::Nftables::Keys elements;
  const std::lock_guard lock(mutex_);
  for (auto flow = flows_.begin(); flow != flows_.end();) {
    const auto& [key, known] = *flow;
    const bool is_tcp = key.protocol == IPPROTO_TCP;
    const bool stays =
        (is_tcp && there.contains(key)) || began - known.last < (is_tcp ? kFlowGrace : kUdpIdle);
    if (stays || news.forgotten.size() >= kMostForgotten) {
      if (!is_tcp) ++news.connections;
      ++flow;
    } else {
      news.forgotten.push_back(key);
      elements.push_back(element_of(key));
      flow = flows_.erase(flow);
    }
  }
  tables_.delete_elements(table_, kFlowSet, elements);
  return news;
}

}  // namespace ferry::handover
