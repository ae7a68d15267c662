// SPDX-License-Identifier: Apache-2.0
#include "bench/podman_bridge_way.h"

#include <fmt/format.h>

#include "bench/hand_criu_scripts.h"

namespace ferry::bench {

namespace {

constexpr const char* kBridgeNetwork = "bench";
constexpr const char* kBridgeSubnet = "10.89.7.0/24";

// CLIENT, SUBNET, after the address. That one hears where the address is by being asked from it.
constexpr const char* kTakeIn = R"sh(
  client=$1; subnet=$2; shift 2
  take_in() {
    [ -z "$address" ] || {
      ip addr add "$address" dev br0 noprefixroute || fail "the address stays away"
      ping -q -c 1 -W 1 -I "${address%/*}" "$client" >/dev/null
    }
    true
  }
)sh";

// NAME, after those. Stamps as hand_criu.h reads them.
constexpr const char* kBridgeMove = R"sh(
  name=$1; archive=$here/$name.tar
  cd / && mkdir -p $here || exit 1
  stamp prepare
  there "mkdir -p $here" || fail "cannot prepare the target"
  stamp dump
  [ -z "$address" ] || ip addr del "$address" dev br0
  podman container checkpoint --tcp-established --compress none --export $archive "$name" >/dev/null 2>$here/said || {
    take_in  # it runs on, and its clients are let in again
    fail "podman container checkpoint failed: $(tail -n 1 $here/said)"
  }
  stamp scp
  scp -q -o BatchMode=yes $archive "$login:$here/" || fail "scp failed"
  stamp restore
  there "$there_too
    client=$client
    $(declare -f take_in)
    # What it says before its clients have come to the address there would be masqueraded, by the host's own, and nothing of theirs
    # would fit then.
    [ -z '$address' ] || iptables -I FORWARD -s $subnet -j DROP
    podman container restore --tcp-established --import $archive >/dev/null || fail 'podman container restore failed'
    take_in
    [ -z '$address' ] || iptables -D FORWARD -s $subnet -j DROP" || exit 1
  stamp done
  echo "bytes $(stat -c %s $archive)"
  rm -f $archive
  podman rm -f -t 0 "$name" >/dev/null
)sh";

// NAME.
constexpr const char* kBridgeEnd = R"sh(
  ferry relay stop podman:"$1" >/dev/null 2>&1  # there may be none
  [ -z "$address" ] || ip addr del "$address" dev br0 2>/dev/null
  rm -rf $here
)sh";

std::vector<std::string> typed_with_bridge(const Leg& leg, const std::string& login) {
  const auto name = PodmanWay::kName;
  return {
      fmt::format("{}: ip addr del … dev br0", leg.from),
      fmt::format(
          "{}: podman container checkpoint --tcp-established --compress none --export {}.tar {}",
          leg.from, name, name),
      fmt::format("{}: scp {}.tar {}:", leg.from, name, login),
      fmt::format("{}: iptables -I FORWARD -s {} -j DROP", leg.to, kBridgeSubnet),
      fmt::format("{}: podman container restore --tcp-established --import {}.tar", leg.to, name),
      fmt::format("{}: ip addr add … dev br0; ping -I … CLIENT", leg.to),
      fmt::format("{}: iptables -D FORWARD -s {} -j DROP", leg.to, kBridgeSubnet),
      fmt::format("{}: podman rm {}", leg.from, name),
  };
}

}  // namespace

base::Argv PodmanBridgeWay::make_network(const Workload& workload, const std::string& host) const {
  if (!serves_) return {"--network", kBridgeNetwork};
  const auto& client = hosts_.roles().client;
  hosts_.check(client, {"ip", "neigh", "flush", "all"});  // the address may have been elsewhere
  hosts_.check(host, script(std::string(kTakeIn) + "take_in", {client, kBridgeSubnet}));
  return {"--network", kBridgeNetwork, "-p", fmt::format("{0}:{0}", workload.port())};
}

std::string PodmanBridgeWay::end_script() const { return std::string(kPodmanEnd) + kBridgeEnd; }

MadeMove HandPodmanBridge::move(const Leg& leg) {
  const std::string login = hosts_.login(leg.to);
  const base::Argv steps = script(std::string(kHandTogether) + kTakeIn + kBridgeMove,
                                  {login, "", hosts_.roles().client, kBridgeSubnet, kName});
  return by_hand(leg, steps, typed_with_bridge(leg, login));
}

void make_podman_bridges(const Hosts& hosts) {
  for (const auto& host : {hosts.roles().source, hosts.roles().target}) {
    // docker's daemon, where it runs, has all dropped that is forwarded and not its own.
    hosts.check(host, {"iptables", "-P", "FORWARD", "ACCEPT"});
    hosts.check(host, {"podman", "network", "create", "--subnet", kBridgeSubnet, kBridgeNetwork});
  }
}

}  // namespace ferry::bench
